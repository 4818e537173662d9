import type { Cancelable } from '../core/ports/storage.ts';
import { inOrder } from './azure-in-order.ts';
import { encodedName, quoted } from './azure-names.ts';
import type { Key, Table } from './azure-table.ts';

export interface Reference {
  runId: string;
  kind: 'key' | 'slot';
  /** Of the idempotency key, or of the slot. */
  name: string;
}

/**
 * What is stored elsewhere on behalf of a run. Written before it, and removed after it: killed between the two, a reference leads to nothing, and that is fine.
 */
export interface RunReferences {
  add(references: readonly Reference[], options: Cancelable): Promise<void>;
  of(runId: string, options: Cancelable): Promise<Reference[]>;
  remove(reference: Reference, options: Cancelable): Promise<void>;
}

const concurrency = 16;

export function runReferences(table: Table): RunReferences {
  return {
    async add(references, options) {
      const written = inOrder(references, concurrency, (reference) =>
        table.upsert({ ...keyOf(reference), kind: reference.kind, name: reference.name }, options),
      );
      for await (const _ of written);
    },

    async of(runId, options) {
      const found: Reference[] = [];
      for await (const page of table.pages(`PartitionKey eq ${quoted(partition(runId))}`, options)) {
        for (const { kind, name } of page)
          found.push({ runId, kind: kind === 'key' ? 'key' : 'slot', name: String(name) });
      }
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

function keyOf({ runId, kind, name }: Reference): Key {
  return { partitionKey: partition(runId), rowKey: `${kind}-${encodedName(name)}` };
}
