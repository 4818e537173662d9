import { randomUUID } from 'node:crypto';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { encodedName } from './azure-names.ts';
import type { StoredEntity, Table } from './azure-table.ts';
import { readWhole, type Texts } from './azure-texts.ts';

/** A change of the value under a key: pure, and made again on a newer value where another writer was faster. */
export type Change<Value, Answer> = (value: Value) => { value: Value; answer: Answer };

/** Values under keys, each changed by one writer at a time among all processes. */
export interface Cells<Value> {
  change<Answer>(key: string, change: Change<Value, Answer>, options: Cancelable): Promise<Answer>;
  get(key: string, options: Cancelable): Promise<Value>;
  /** All that are not empty, in the order of their encoded keys, from the one of `from` on. */
  all(from: string | undefined, options: Cancelable): AsyncIterable<{ key: string; value: Value }>;
}

export interface CellsOptions<Value> {
  table: Table;
  texts: Texts;
  clock: Clock;
  /** Sets these cells apart from others of the table. */
  kind: string;
  /** The value where nothing is stored. What `write` makes `undefined` of is not stored. */
  empty: Value;
  /** From and to what JSON can say. */
  read: (stored: unknown) => Value;
  write: (value: Value) => unknown;
}

interface Pending<Value> {
  change: Change<Value, unknown>;
  signal: AbortSignal | undefined;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

interface Stored<Value> {
  value: Value;
  entity: StoredEntity | undefined;
  writers: readonly string[];
}

const row = { rowKey: 'value' };
const tries = 200;
const longestPauseMs = 1_000;
const rememberedWriters = 8;

/**
 * One entity a key, replaced under its ETag. The changes of one process that come while a write is under way are made together by the next: 2,000 at once
 * are some writes, not 2,000 that each find that another was faster.
 */
export function cells<Value>(options: CellsOptions<Value>): Cells<Value> {
  const { table, texts, clock, kind, empty } = options;
  const waiting = new Map<string, Pending<Value>[]>();
  const prefix = `${kind}-`;
  const keyOf = (key: string) => ({ partitionKey: prefix + encodedName(key), ...row });

  const load = (key: string, cancel: Cancelable): Promise<Stored<Value>> =>
    readWhole(async () => {
      const entity = await table.get(keyOf(key), cancel);
      if (entity === undefined) return { value: empty, entity, writers: [] };
      const loaded = await texts.load(entity, cancel);
      if (loaded === 'replaced') return loaded;
      const writers = typeof entity['writers'] === 'string' ? (JSON.parse(entity['writers']) as string[]) : [];
      return { value: options.read(loaded.value), entity, writers };
    });

  /** False where another was faster. */
  async function store(key: string, before: Stored<Value>, value: Value, mark: string): Promise<boolean> {
    const { entity } = before;
    const written = options.write(value);
    let isStored: boolean;
    if (written === undefined) {
      // Whoever finds it gone or changed makes its changes again, on what is there then: that nobody is left in an empty queue can be said twice.
      isStored = entity === undefined || (await table.remove(keyOf(key), { etag: entity.etag }));
    } else {
      const { properties } = await texts.store(`${kind}/${encodedName(key)}`, written, {});
      const writers = JSON.stringify([...before.writers, mark].slice(-rememberedWriters));
      const next = { ...keyOf(key), key, writers, ...properties };
      const etag = await (entity === undefined ? table.insert(next, {}) : table.replace(next, entity.etag, {}));
      // The answer of an earlier try may have been lost: then the conflict is with ourselves.
      isStored = etag !== undefined || (await load(key, {})).writers.includes(mark);
      if (!isStored) await texts.discard(properties, {});
    }
    if (isStored) await texts.discard(entity, {});
    return isStored;
  }

  async function changeTogether(key: string, batch: readonly Pending<Value>[]): Promise<void> {
    const mark = randomUUID();
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const before = await load(key, {});
      let { value } = before;
      const answers = batch.map(({ change }) => {
        const changed = change(value);
        value = changed.value;
        return changed.answer;
      });
      if (value === before.value || (await store(key, before, value, mark))) {
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index]);
        return;
      }
      await clock.sleep(Math.random() * Math.min(10 * 2 ** attempt, longestPauseMs));
    }
    throw new ErrandError('storageBusy', `${key} is being changed by others all the time: try again.`, {
      retryAfterSeconds: 1,
    });
  }

  async function work(key: string, queue: Pending<Value>[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0).filter(({ signal, reject }) => {
        if (signal?.aborted === true) reject(signal.reason);
        return signal?.aborted !== true;
      });
      if (batch.length === 0) continue;
      try {
        await changeTogether(key, batch);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    waiting.delete(key);
  }

  return {
    change<Answer>(key: string, change: Change<Value, Answer>, { signal }: Cancelable) {
      return new Promise<Answer>((resolve, reject) => {
        signal?.throwIfAborted();
        const pending: Pending<Value> = { change, signal, resolve: (answer) => resolve(answer as Answer), reject };
        const queue = waiting.get(key);
        if (queue !== undefined) return void queue.push(pending);
        const mine = [pending];
        waiting.set(key, mine);
        void work(key, mine);
      });
    },

    get: async (key, cancel) => (await load(key, cancel)).value,

    async *all(from, cancel) {
      const filter = `PartitionKey ge '${prefix}${from === undefined ? '' : encodedName(from)}' and PartitionKey lt '${kind}.'`;
      for await (const page of table.pages(filter, cancel)) {
        for (const entity of page) {
          const key = String(entity['key']);
          const loaded = await texts.load(entity, cancel);
          yield { key, value: loaded === 'replaced' ? (await load(key, cancel)).value : options.read(loaded.value) };
        }
      }
    },
  };
}
