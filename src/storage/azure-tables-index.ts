import { fromInstant, instant, type Clock } from '../core/clock.ts';
import type { RunState } from '../contract/run.ts';
import type { Logger } from '../core/logger.ts';
import type { Cancelable, OpenRun } from '../core/ports/storage.ts';
import type { Instant, RunRecord } from '../core/run-record.ts';
import { inOrder } from './azure-in-order.ts';
import { quoted, shardOf } from './azure-names.ts';
import { recent } from './azure-recent.ts';
import type { Entity, Key, StoredEntity, Table } from './azure-table.ts';
import { headFacts, knownState, writeMark, type Head, type Records } from './azure-tables-records.ts';

/**
 * Which runs are open, and which have ended when. Partitions share no transaction, so an entry is made before the record says so and removed after
 * it no longer does: killed between the two, an index says too much, never too little. Whoever finds such an entry, and finds it old, puts it right.
 */
export interface RunIndex {
  /** Before the record is written: entries for what it is going to be. `before` is the record as it is; undefined where there is none. */
  announce(run: RunRecord, before: Head | undefined, options: Cancelable): Promise<void>;
  /** After it was written: removes what is no longer so, and says how the run now is. `before` as above. */
  settle(run: RunRecord, before: Head | undefined, options: Cancelable): Promise<void>;
  /** After the record was removed. */
  forget(id: string, endedAt: Instant | undefined, options: Cancelable): Promise<void>;
  openRuns(query: { dueBefore?: Instant; limit: number }, options: Cancelable): Promise<OpenRun[]>;
  endedRuns(query: { before: Instant; limit: number }, options: Cancelable): Promise<string[]>;
  countOpen(options: Cancelable): Promise<Partial<Record<RunState, number>>>;
}

/** What was written, and by which write of the record. */
interface KnownEntry {
  version: number;
  operationId: string;
  etag: string;
}

interface OpenEntry extends KnownEntry {
  id: string;
  wakeAt: Instant;
  /** When it was written. */
  at: Instant;
}

const openProperties = ['RowKey', 'version', 'operationId', 'wakeAt', 'at'] as const;
const allOpen = `PartitionKey ge ${quoted('open-')} and PartitionKey lt ${quoted('open.')}`;

/** Entries that are looked at beside each other. */
const concurrency = 16;
const settleTries = 100;
const rememberedEntries = 10_000;

export function runIndex({
  table,
  records,
  clock,
  logger,
  graceMs,
}: {
  table: Table;
  records: Records;
  clock: Clock;
  logger: Logger;
  /** Entries younger than this may be of a write that is under way, in milliseconds. */
  graceMs: number;
}): RunIndex {
  /** Entries that this process wrote last, as far as it knows: each saves a read. */
  const known = recent<KnownEntry>(rememberedEntries);
  const age = (at: unknown): number => clock.now() - fromInstant(String(at));

  function remember({ id, version, operationId }: RunRecord, etag: string): void {
    known.set(id, { version, operationId, etag });
  }

  function openEntity(run: RunRecord): Entity {
    const { version, operationId, wakeAt, state } = run;
    return { ...openKey(run.id), version, operationId, wakeAt, state, at: instant(clock.now()) };
  }

  async function openEntry(id: string, options: Cancelable): Promise<OpenEntry | undefined> {
    const entity = await table.get(openKey(id), { ...options, select: openProperties });
    return entity === undefined ? undefined : parseOpen(entity, id);
  }

  /** By compare-and-swap, so that a slow writer of an older version takes nothing back. */
  async function settleOpen(run: RunRecord, options: Cancelable): Promise<void> {
    for (let tries = 0; tries < settleTries; tries += 1) {
      const entry = known.get(run.id) ?? (await openEntry(run.id, options));
      if (entry !== undefined && (entry.version > run.version || isOf(entry, run))) return;
      known.delete(run.id);
      // Nobody removes the entry of an open run, so this one has gone on: or its entry was found while we were slow, and taken for a left one.
      if (entry === undefined && (await records.head(run.id, options))?.version !== run.version) return;
      const entity = openEntity(run);
      const etag = await (entry === undefined
        ? table.insert(entity, options)
        : table.replace(entity, entry.etag, options));
      if (etag !== undefined) return remember(run, etag);
    }
    logger.warn({ runId: run.id }, 'the index of open runs is behind: many write this run at once');
  }

  async function settleClosed(run: RunRecord, options: Cancelable): Promise<void> {
    for (let tries = 0; tries < settleTries; tries += 1) {
      const entry = known.get(run.id) ?? (await openEntry(run.id, options));
      if (entry === undefined || entry.version > run.version) return;
      known.delete(run.id);
      if (await table.remove(openKey(run.id), { ...options, etag: entry.etag })) return;
    }
    logger.warn({ runId: run.id }, 'the index of open runs is behind: many write this run at once');
  }

  /** The entry, put right if it is old and its run overdue: both together mean that somebody was cut off. */
  async function verified(entry: OpenEntry, options: Cancelable): Promise<OpenEntry | undefined> {
    if (age(entry.at) < graceMs || age(entry.wakeAt) < graceMs) return entry;
    const stored = await records.head(entry.id, options);
    const isCurrent = stored?.version === entry.version && stored.writers.includes(writeMark(entry));
    if (isCurrent && stored.open) return entry;
    if (stored?.open === true) {
      const run = await records.get(entry.id, options);
      if (run?.open !== true) return undefined;
      await settleOpen(run, options);
      return { ...entry, wakeAt: run.wakeAt };
    }
    if (await table.remove(openKey(entry.id), { ...options, etag: entry.etag }))
      logger.info({ runId: entry.id }, 'removed an entry of the index of open runs that no record was behind');
    return undefined;
  }

  /** Whether the record is what the entry says. An entry that is not, and is old, is removed. */
  async function hasEnded({ id, endedAt, at }: { id: string; endedAt: Instant; at: unknown }, options: Cancelable) {
    const stored = await records.head(id, options);
    if (stored?.open === false && stored.endedAt === endedAt) return true;
    if (age(at) >= graceMs) await table.remove(endedKey(id, endedAt), options);
    return false;
  }

  return {
    async announce(run, before, options) {
      const { open, endedAt } = headFacts(run);
      if (open && before?.open !== true) remember(run, await table.upsert(openEntity(run), options));
      if (endedAt !== undefined && endedAt !== before?.endedAt)
        await table.upsert({ ...endedKey(run.id, endedAt), at: instant(clock.now()) }, options);
    },

    async settle(run, before, options) {
      const { open, endedAt } = headFacts(run);
      if (before?.endedAt !== undefined && before.endedAt !== endedAt)
        await table.remove(endedKey(run.id, before.endedAt), options);
      if (open) await settleOpen(run, options);
      else if (before?.open !== false) await settleClosed(run, options);
    },

    async forget(id, endedAt, options) {
      known.delete(id);
      if (endedAt !== undefined) await table.remove(endedKey(id, endedAt), options);
      await table.remove(openKey(id), options);
    },

    async openRuns({ dueBefore, limit }, options) {
      const filter = dueBefore === undefined ? allOpen : `${allOpen} and wakeAt le ${quoted(dueBefore)}`;
      const entries: OpenEntry[] = [];
      for await (const page of table.pages(filter, { ...options, select: openProperties }))
        entries.push(...page.map((entity) => parseOpen(entity)));
      const found: OpenRun[] = [];
      const sorted = entries.toSorted((a, b) => (a.wakeAt + a.id < b.wakeAt + b.id ? -1 : 1));
      for await (const entry of inOrder(sorted, concurrency, (each) => verified(each, options))) {
        if (entry !== undefined) found.push({ id: entry.id, wakeAt: entry.wakeAt });
        if (found.length >= limit) break;
      }
      return found;
    },

    async endedRuns({ before, limit }, options) {
      const lastDay = quoted(`ended-${before.slice(0, 10)}`);
      const filter = `PartitionKey ge ${quoted('ended-')} and PartitionKey le ${lastDay}`;
      const found: string[] = [];
      for await (const page of table.pages(filter, { ...options, pageSize: limit })) {
        const entries = page.map(parseEnded).filter(({ endedAt }) => endedAt < before);
        const looked = inOrder(entries, concurrency, async (entry) =>
          (await hasEnded(entry, options)) ? entry.id : '',
        );
        for await (const id of looked) {
          if (id !== '') found.push(id);
          if (found.length >= limit) return found;
        }
      }
      return found;
    },

    async countOpen(options) {
      const counts: Partial<Record<RunState, number>> = {};
      for await (const page of table.pages(allOpen, { ...options, select: ['state'] })) {
        for (const entity of page) {
          const state = knownState(entity['state']);
          if (state !== undefined) counts[state] = (counts[state] ?? 0) + 1;
        }
      }
      return counts;
    },
  };
}

function openKey(id: string): Key {
  return { partitionKey: `open-${shardOf(id)}`, rowKey: id };
}

/** A partition a day, so that oldest first is the order of the keys and no partition takes all writes. */
function endedKey(id: string, endedAt: Instant): Key {
  return { partitionKey: `ended-${endedAt.slice(0, 10)}`, rowKey: `${endedAt}-${id}` };
}

function parseOpen(entity: StoredEntity, id = String(entity['rowKey'])): OpenEntry {
  const { version, operationId, wakeAt, at, etag } = entity;
  return {
    id,
    version: Number(version),
    operationId: String(operationId),
    wakeAt: String(wakeAt),
    at: String(at),
    etag,
  };
}

function parseEnded(entity: StoredEntity): { id: string; endedAt: Instant; at: unknown } {
  const rowKey = String(entity['rowKey']);
  return { id: rowKey.slice(-26), endedAt: rowKey.slice(0, -27), at: entity['at'] };
}

function isOf(entry: KnownEntry, run: RunRecord): boolean {
  return entry.version === run.version && entry.operationId === run.operationId;
}
