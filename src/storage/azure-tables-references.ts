import type { Cancelable } from '../core/ports/storage.ts';
import { encodedName, quoted } from './azure-names.ts';
import { recent } from './azure-recent.ts';
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
  add(reference: Reference, options: Cancelable): Promise<void>;
  of(runId: string, options: Cancelable): Promise<Reference[]>;
  remove(reference: Reference, options: Cancelable): Promise<void>;
}

/** References in memory: a run that asks for its slot again and again writes one. */
const rememberedReferences = 10_000;

export function runReferences(table: Table): RunReferences {
  const written = recent<true>(rememberedReferences);

  return {
    async add(reference, options) {
      const key = keyOf(reference);
      if (written.get(remembered(key)) !== undefined) return;
      await table.upsert({ ...key, kind: reference.kind, name: reference.name }, options);
      written.set(remembered(key), true);
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
      const key = keyOf(reference);
      written.delete(remembered(key));
      await table.remove(key, options);
    },
  };
}

function partition(runId: string): string {
  return `of-${encodedName(runId)}`;
}

function keyOf({ runId, kind, name }: Reference): Key {
  return { partitionKey: partition(runId), rowKey: `${kind}-${encodedName(name)}` };
}

function remembered({ partitionKey, rowKey }: Key): string {
  return `${partitionKey} ${rowKey}`;
}
