import type { DatabaseSync } from 'node:sqlite';
import { ErrandError } from '../contract/errors.ts';

/** SQL that brings the schema from version n (its index) to n + 1. A released entry is never changed; a change is a new entry. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    open INTEGER NOT NULL,
    wake_at TEXT NOT NULL,
    ended_at TEXT,
    labels TEXT NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_by_task ON runs (task, id);
  CREATE INDEX runs_by_state ON runs (state, id);
  CREATE INDEX runs_by_task_state ON runs (task, state, id);
  CREATE INDEX runs_open_by_wake ON runs (wake_at, id) WHERE open = 1;
  CREATE INDEX runs_open_by_state ON runs (state) WHERE open = 1;
  CREATE INDEX runs_ended ON runs (ended_at, id) WHERE open = 0 AND ended_at IS NOT NULL;

  CREATE TABLE labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (name, value, run_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX labels_by_run ON labels (run_id);

  CREATE TABLE keys (
    key TEXT PRIMARY KEY NOT NULL,
    request_hash TEXT NOT NULL,
    run_id TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_by_run ON keys (run_id);

  CREATE TABLE slots (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    holder TEXT NOT NULL,
    held INTEGER NOT NULL,
    slot_limit INTEGER NOT NULL,
    units INTEGER NOT NULL,
    since TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX slots_by_key_holder ON slots (key, holder);
  CREATE INDEX slots_in_order ON slots (key, held DESC, place);
  CREATE INDEX slots_by_holder ON slots (holder);

  CREATE TABLE reservations (
    key TEXT PRIMARY KEY NOT NULL,
    moments TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE schedules (
    name TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    wake_at TEXT,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX schedules_by_wake ON schedules (wake_at, name) WHERE wake_at IS NOT NULL;
  `,
];

/** "Errd": tells our files from those of other programs. */
const applicationId = 0x45727264;

/**
 * Brings a database to the newest schema. Each step is a transaction that reads the version again once it has the write lock, so that
 * two processes may start at the same time. Refuses files of a newer Errand and of other programs with `invalidConfiguration`.
 */
export function migrate(database: DatabaseSync, path: string, steps: readonly string[] = migrations): void {
  for (let version = checkedVersion(database, path, steps.length); version < steps.length;) {
    database.exec('BEGIN IMMEDIATE');
    try {
      version = checkedVersion(database, path, steps.length);
      const step = steps[version];
      if (step !== undefined) {
        database.exec(step);
        version += 1;
        database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`);
      }
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
}

/** Version of the schema. Refuses as {@link migrate} does. */
export function checkedVersion(database: DatabaseSync, path: string, newest: number): number {
  const version = pragma(database, 'user_version');
  const owner = pragma(database, 'application_id');
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (owner !== applicationId && !(isEmpty && owner === 0)) {
    throw new ErrandError(
      'invalidConfiguration',
      `${path} is the database of another program. Give Errand a path of its own (ERRAND_DATA_DIR).`,
    );
  }
  if (version > newest) {
    throw new ErrandError(
      'invalidConfiguration',
      `The run database ${path} was written by a newer Errand (schema ${version}; this one knows ${newest}). Update Errand, or restore a backup made before the update.`,
    );
  }
  return version;
}

function pragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  const value = database.prepare(`PRAGMA ${name}`).get()?.[name];
  return typeof value === 'number' ? value : 0;
}
