import { randomBytes } from 'node:crypto';
import { ErrandError } from '../contract/errors.ts';
import { fromInstant, instant, type Clock } from '../core/clock.ts';
import { silentLogger, type Logger } from '../core/logger.ts';
import type { Cancelable, IdempotencyKey, Storage } from '../core/ports/storage.ts';
import { nextMoment } from '../core/reserve.ts';
import type { RunRecord } from '../core/run-record.ts';
import { cells } from './azure-cell.ts';
import {
  blobEndpoint,
  containerClient,
  defaultRetries,
  type AzureConnection,
  type RetryOptions,
} from './azure-connection.ts';
import { encodedName } from './azure-names.ts';
import { azureTable } from './azure-table.ts';
import { runIndex } from './azure-tables-index.ts';
import { listedRuns } from './azure-tables-listing.ts';
import { records, writeMark, type Head } from './azure-tables-records.ts';
import { runReferences } from './azure-tables-references.ts';
import { schedulesInTables } from './azure-tables-schedules.ts';
import { slots } from './azure-tables-slots.ts';
import { textBlobs } from './azure-text-blobs.ts';
import { texts } from './azure-texts.ts';

export interface AzureTablesOptions {
  connection: AzureConnection;
  /** First part of the names of the tables and of the blob container: installations that share a storage account have one each. */
  prefix?: string;
  /** Where texts go that no entity has room for. */
  blobs?: {
    /** Of the blob service. Needed only with an identity, and only where the address of the table service does not tell. */
    endpoint?: string;
    /** Name of the blob container. */
    container?: string;
  };
  clock: Clock;
  logger?: Logger;
  /** How long a write may take before what it has left counts as left behind, in milliseconds. */
  graceMs?: number;
  retries?: RetryOptions;
}

/** Names of tables are letters and digits, those of blob containers lower case. Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
const prefixPattern = /^[a-z][a-z0-9]{1,39}$/;

/**
 * Records in three tables of a storage account: `<prefix>runs`, `<prefix>index` (open and ended runs, references) and `<prefix>state` (idempotency keys,
 * slots, reservations, schedules, the installation). What two of them have to say together is said in an order that loses nothing; each write says which.
 */
export function azureTablesStorage({
  connection,
  prefix = 'errand',
  blobs = {},
  clock,
  logger = silentLogger,
  graceMs = 600_000,
  retries = defaultRetries,
}: AzureTablesOptions): Storage {
  if (!prefixPattern.test(prefix))
    throw new ErrandError(
      'invalidConfiguration',
      `${JSON.stringify(prefix)} cannot begin the names of tables: take 2 to 40 lower-case letters and digits, a letter first.`,
    );
  const blobUrl = blobs.endpoint ?? ('endpoint' in connection ? blobEndpoint(connection.endpoint) : undefined);
  const container = blobs.container ?? `${prefix}-records`;
  const table = (name: string) => azureTable(connection, prefix + name, retries);
  const [runsTable, indexTable, stateTable] = [table('runs'), table('index'), table('state')];
  const largeTexts = texts(textBlobs(() => containerClient(connection, { endpoint: blobUrl, container }, retries)));
  const runs = records(runsTable, largeTexts);
  const index = runIndex({ table: indexTable, records: runs, clock, logger, graceMs });
  const references = runReferences(indexTable);
  const shared = { table: stateTable, texts: largeTexts, clock };
  const queues = slots(shared);
  const moments = cells<readonly number[]>({
    ...shared,
    kind: 'rate',
    empty: [],
    read: (stored) => stored as number[],
    write: (given) => given,
  });
  let knownInstanceId: string | undefined;

  /** Entries that were made for a write which then took longer than the grace may have been removed as left behind. */
  async function written(run: RunRecord, startedAt: number, options: Cancelable): Promise<void> {
    if (clock.monotonic() - startedAt > graceMs / 2) await index.announce(run, undefined, options);
  }

  /** The record is written and is what counts: an index that cannot be reached now is put right by whoever finds it behind. */
  async function settled(run: RunRecord, before: Head | undefined, options: Cancelable): Promise<void> {
    try {
      await index.settle(run, before, options);
    } catch (error) {
      logger.warn({ runId: run.id, err: error }, 'a run was written, but not what the indexes say of it');
    }
  }

  async function storedKey(key: string, options: Cancelable): Promise<IdempotencyKey | undefined> {
    const entity = await stateTable.get(keyRow(key), options);
    if (entity === undefined) return undefined;
    return { key, requestHash: String(entity['requestHash']), runId: String(entity['runId']) };
  }

  async function removeKey(key: string, runId: string, options: Cancelable): Promise<void> {
    const entity = await stateTable.get(keyRow(key), options);
    if (entity?.['runId'] === runId) await stateTable.remove(keyRow(key), { ...options, etag: entity.etag });
  }

  return {
    async instanceId(options = {}) {
      const row = { partitionKey: 'meta', rowKey: 'instance' };
      for (let tries = 0; knownInstanceId === undefined && tries < 3; tries += 1) {
        const stored = (await stateTable.get(row, options))?.['id'];
        if (typeof stored === 'string') knownInstanceId = stored;
        else await stateTable.insert({ ...row, id: randomBytes(8).toString('hex') }, options);
      }
      if (knownInstanceId !== undefined) return knownInstanceId;
      throw new ErrandError('storageUnavailable', `The table ${prefix}state does not keep what is written to it.`);
    },

    // Index, then record. Killed between them, an entry without a record is left, which the index removes once it is old.
    async createRun(run, options = {}) {
      const startedAt = clock.monotonic();
      options.signal?.throwIfAborted();
      await index.announce(run, undefined, options);
      if (await runs.create(run, options)) {
        await written(run, startedAt, options);
        await settled(run, undefined, options);
        return true;
      }
      const stored = await runs.get(run.id, options);
      // Our entries were for a record that is not ours: they become those of the record that is.
      if (stored !== undefined) await index.settle(stored, undefined, options);
      return false;
    },

    getRun: (id, options = {}) => runs.get(id, options),

    // Entries that the new version needs, the record, then entries that it no longer needs. Killed after the first, the index has one too many; killed
    // after the second, too, or it shows an older wake-up of this run. Both are found once they are old, and the work queue has the wake-up anyway.
    async updateRun(run, options = {}) {
      const startedAt = clock.monotonic();
      const remembered = await runs.remembered(run.id, options);
      if (remembered !== undefined && remembered.version >= run.version)
        return remembered.writers.includes(writeMark(run));
      const isLatest = remembered?.version === run.version - 1;
      let before = isLatest ? remembered : await runs.head(run.id, options);
      for (let tries = 0; tries < 3; tries += 1) {
        if (before?.version !== run.version - 1) return false;
        await index.announce(run, before, options);
        if (await runs.replace(run, before, options)) {
          await written(run, startedAt, options);
          await settled(run, before, options);
          return true;
        }
        before = await runs.head(run.id, options);
      }
      return false;
    },

    // What is elsewhere, the record, then its entries in the index: killed anywhere, the entry of the ended run is still there, and the sweep comes again.
    async deleteRun(id, options = {}) {
      const stored = await runs.head(id, options);
      for (const reference of await references.of(id, options)) {
        await removeKey(reference.key, id, options);
        await references.remove(reference, options);
      }
      await runs.remove(id, options);
      await index.forget(id, stored?.endedAt, options);
    },

    listRuns: async (filter, page, options = {}) => listedRuns(runsTable, runs, filter, page, options),
    openRuns: (query, options = {}) => index.openRuns(query, options),
    endedRuns: (query, options = {}) => index.endedRuns(query, options),
    countOpen: (options = {}) => index.countOpen(options),

    getKey: (key, options = {}) => storedKey(key, options),

    async claimKey(claim, options = {}) {
      const { key, requestHash, runId } = claim;
      for (;;) {
        const stored = await storedKey(key, options);
        if (stored !== undefined) return stored;
        await references.add({ runId, key }, options);
        if ((await stateTable.insert({ ...keyRow(key), requestHash, runId }, options)) !== undefined) return claim;
      }
    },

    ...queues,
    ...schedulesInTables(shared),

    async reserve({ key, rates, at }, options = {}) {
      const reserved = await moments.change(
        key,
        (given) => {
          const next = nextMoment(given, rates, fromInstant(at));
          return { value: next.given, answer: next.at };
        },
        options,
      );
      return instant(reserved);
    },

    // A write, since reading is another role.
    async check(options = {}) {
      await stateTable.upsert({ partitionKey: 'meta', rowKey: 'checked', at: instant(clock.now()) }, options);
    },

    close: async () => undefined,
  };
}

function keyRow(key: string): { partitionKey: string; rowKey: string } {
  return { partitionKey: `key-${encodedName(key)}`, rowKey: 'value' };
}
