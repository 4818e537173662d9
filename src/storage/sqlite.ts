import { randomBytes } from 'node:crypto';
import { runStates, type RunState } from '../contract/run.ts';
import { fromInstant, instant, type Clock } from '../core/clock.ts';
import { silentLogger, type Logger } from '../core/logger.ts';
import type { IdempotencyKey, Storage } from '../core/ports/storage.ts';
import { nextMoment } from '../core/reserve.ts';
import type { RunRecord } from '../core/run-record.ts';
import { sqliteConnection, type Row, type Statements } from './sqlite-connection.ts';
import { encodeCursor, listingQuery } from './sqlite-listing.ts';
import { sqliteSchedules } from './sqlite-schedules.ts';
import { releaseSlot, slotEntries, slotQueue, takeSlot } from './sqlite-slots.ts';

export interface SqliteStorageOptions {
  /** The database file. Its directory is made if it is missing. Several processes of one machine may share it. */
  path: string;
  clock: Clock;
  logger?: Logger;
  /** How long a locked database is tried again before `storageBusy`, in milliseconds. */
  busyMs?: number;
}

/** Records in one SQLite file on a local disk (WAL, every commit synced). */
export function sqliteStorage({ path, clock, logger = silentLogger, busyMs = 5_000 }: SqliteStorageOptions): Storage {
  const connection = sqliteConnection({ path, clock, logger, busyMs });
  let knownInstanceId: string | undefined;

  return {
    async instanceId(options) {
      knownInstanceId ??= await connection.write((db) => {
        db.run("INSERT OR IGNORE INTO meta (name, value) VALUES ('instanceId', ?)", randomBytes(8).toString('hex'));
        return String(db.get("SELECT value FROM meta WHERE name = 'instanceId'")?.['value']);
      }, options);
      return knownInstanceId;
    },

    createRun: (run, options) =>
      connection.write((db) => {
        const created = db.run(
          'INSERT OR IGNORE INTO runs (id, version, task, state, open, wake_at, ended_at, labels, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
          run.id,
          ...columns(run),
        );
        if (created === 1) insertLabels(db, run);
        return created === 1;
      }, options),

    getRun: (id, options) =>
      connection.read((db) => {
        const row = db.get('SELECT record FROM runs WHERE id = ?', id);
        return row === undefined ? undefined : parseRecord(row);
      }, options),

    updateRun: (run, options) =>
      connection.write((db) => {
        const stored = db.get('SELECT labels FROM runs WHERE id = ? AND version = ?', run.id, run.version - 1);
        if (stored === undefined) return false;
        db.run(
          'UPDATE runs SET version = ?, task = ?, state = ?, open = ?, wake_at = ?, ended_at = ?, labels = ?, record = ? WHERE id = ?',
          ...columns(run),
          run.id,
        );
        if (stored['labels'] !== JSON.stringify(run.labels)) {
          db.run('DELETE FROM labels WHERE run_id = ?', run.id);
          insertLabels(db, run);
        }
        return true;
      }, options),

    deleteRun: (id, options) =>
      connection.write((db) => {
        db.run('DELETE FROM runs WHERE id = ?', id);
        db.run('DELETE FROM keys WHERE run_id = ?', id);
      }, options),

    async listRuns(filter, page, options) {
      const query = listingQuery(filter, { limit: page.limit + 1, cursor: page.cursor });
      const found = await connection.read((db) => db.all(query.sql, ...query.values), options);
      const runs = found.slice(0, page.limit).map(parseRecord);
      const last = runs.at(-1);
      return found.length > page.limit && last !== undefined ? { runs, cursor: encodeCursor(last.id) } : { runs };
    },

    openRuns: ({ dueBefore = '~', limit }, options) =>
      connection.read(
        (db) =>
          db
            .all(
              'SELECT id, wake_at FROM runs WHERE open = 1 AND wake_at <= ? ORDER BY wake_at, id LIMIT ?',
              dueBefore,
              limit,
            )
            .map((row) => ({ id: String(row['id']), wakeAt: String(row['wake_at']) })),
        options,
      ),

    endedRuns: ({ before, limit }, options) =>
      connection.read(
        (db) =>
          db
            .all(
              'SELECT id FROM runs WHERE open = 0 AND ended_at IS NOT NULL AND ended_at < ? ORDER BY ended_at, id LIMIT ?',
              before,
              limit,
            )
            .map((row) => String(row['id'])),
        options,
      ),

    getKey: (key, options) => connection.read((db) => storedKey(db, key), options),

    claimKey: ({ key, requestHash, runId }, options) =>
      connection.write((db) => {
        db.run('INSERT OR IGNORE INTO keys (key, request_hash, run_id) VALUES (?, ?, ?)', key, requestHash, runId);
        return storedKey(db, key) ?? { key, requestHash, runId };
      }, options),

    countOpen: (options) =>
      connection.read((db) => {
        const counts: Partial<Record<RunState, number>> = {};
        for (const row of db.all('SELECT state, count(*) AS n FROM runs WHERE open = 1 GROUP BY state')) {
          const state = runStates.find((known) => known === row['state']);
          if (state !== undefined) counts[state] = Number(row['n']);
        }
        return counts;
      }, options),

    takeSlot: (entry, options) => connection.write((db) => takeSlot(db, entry), options),
    releaseSlot: (key, holder, options) => connection.write((db) => releaseSlot(db, key, holder), options),
    slotQueue: (key, options) => connection.read((db) => slotQueue(db, key), options),
    slotEntries: (query, options) => connection.read((db) => slotEntries(db, query), options),

    ...sqliteSchedules(connection),

    reserve: ({ key, rates, at }, options) =>
      connection.write((db) => {
        const stored = db.get('SELECT moments FROM reservations WHERE key = ?', key)?.['moments'];
        const given = stored === undefined ? [] : (JSON.parse(String(stored)) as number[]);
        const next = nextMoment(given, rates, fromInstant(at));
        db.run('INSERT OR REPLACE INTO reservations (key, moments) VALUES (?, ?)', key, JSON.stringify(next.given));
        return instant(next.at);
      }, options),

    // A write, since a full disk or a read-only file system lets reads go on. It changes nothing once it has been made.
    check: (options) =>
      connection.write((db) => {
        db.run(
          "INSERT INTO meta (name, value) VALUES ('checked', '1') ON CONFLICT (name) DO UPDATE SET value = 1 - value",
        );
      }, options),

    async close() {
      connection.close();
    },
  };
}

function columns(run: RunRecord): [number, string, string, number, string, string | null, string, string] {
  const endedAt = 'endedAt' in run ? run.endedAt : null;
  return [
    run.version,
    run.taskName,
    run.state,
    run.open ? 1 : 0,
    run.wakeAt,
    endedAt,
    JSON.stringify(run.labels),
    JSON.stringify(run),
  ];
}

function insertLabels(db: Statements, run: RunRecord): void {
  for (const [name, value] of Object.entries(run.labels)) {
    db.run('INSERT INTO labels (name, value, run_id) VALUES (?, ?, ?)', name, value, run.id);
  }
}

function storedKey(db: Statements, key: string): IdempotencyKey | undefined {
  const row = db.get('SELECT request_hash, run_id FROM keys WHERE key = ?', key);
  return row === undefined
    ? undefined
    : { key, requestHash: String(row['request_hash']), runId: String(row['run_id']) };
}

/** Only this driver writes records, so what comes back has the type that went in. */
function parseRecord(row: Row): RunRecord {
  return JSON.parse(String(row['record'])) as RunRecord;
}
