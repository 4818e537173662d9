import type { Cancelable } from '../core/ports/storage.ts';
import { encodedName, quoted } from './azure-names.ts';
import type { Key, Table } from './azure-table.ts';

export interface Reference {
  runId: string;
  /** An idempotency key. */
  key: string;
}

/**
 * Idempotency keys, which are stored elsewhere on behalf of a run. Written before it, and removed after it: killed between the two, a reference leads to nothing, and that is fine.
 */
export interface RunReferences {
  add(reference: Reference, options: Cancelable): Promise<void>;
  of(runId: string, options: Cancelable): Promise<Reference[]>;
  remove(reference: Reference, options: Cancelable): Promise<void>;
}

export function runReferences(table: Table): RunReferences {
  return {
    async add(reference, options) {
      await table.upsert({ ...keyOf(reference), name: reference.key }, options);
    },

    async of(runId, options) {
      const found: Reference[] = [];
      for await (const page of table.pages(`PartitionKey eq ${quoted(partition(runId))}`, options))
        for (const { name } of page) found.push({ runId, key: String(name) });
      return found;
    },

    async remove(reference, options) {
      await table.remove(keyOf(reference), options);
    },
  };
}

function partition(runId: string): string {
  return `of-${encodedName(runId)}`;
}

function keyOf({ runId, key }: Reference): Key {
  return { partitionKey: partition(runId), rowKey: `key-${encodedName(key)}` };
}
