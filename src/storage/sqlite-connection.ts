import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { isBusy, storageError } from './sqlite-errors.ts';
import { migrate, migrations } from './sqlite-migrations.ts';

export type Row = Record<string, SQLOutputValue>;

/** Statements on one open database. They run to their end without a pause: nothing of this process comes between them. */
export interface Statements {
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all(sql: string, ...values: SQLInputValue[]): Row[];
  /** How many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number;
}

export interface SqliteConnection {
  read<T>(work: (statements: Statements) => T, options?: Cancelable): Promise<T>;
  /** In one transaction that has the write lock from its beginning. */
  write<T>(work: (statements: Statements) => T, options?: Cancelable): Promise<T>;
  close(): void;
}

export interface ConnectionOptions {
  path: string;
  clock: Clock;
  logger: Logger;
  /** How long a locked database is tried again, in milliseconds. */
  busyMs: number;
  /** For tests of migrations. */
  migrations?: readonly string[];
}

/** SQLite's own wait for a lock blocks the event loop, so it is short; the rest of the wait is ours and blocks nothing. */
const blockingWaitMs = 20;
const longestPauseMs = 100;

/** Opens with the first use and after a failed opening again, so that an outage at start heals by itself. */
export function sqliteConnection(options: ConnectionOptions): SqliteConnection {
  const { path, clock, logger, busyMs } = options;
  let opened: { database: DatabaseSync; statements: Statements } | undefined;
  let closed = false;

  function attempt<T>(work: (statements: Statements) => T, transaction: boolean): T {
    opened ??= openDatabase(path, options.migrations ?? migrations);
    const { database, statements } = opened;
    if (!transaction) return work(statements);
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work(statements);
      database.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has rolled back by itself after some errors, a full disk among them.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  async function perform<T>(
    work: (statements: Statements) => T,
    transaction: boolean,
    { signal }: Cancelable,
  ): Promise<T> {
    const started = clock.monotonic();
    for (let pause = 5; ; pause = Math.min(pause * 2, longestPauseMs)) {
      signal?.throwIfAborted();
      if (closed)
        throw new ErrandError(
          'storageUnavailable',
          `The run database ${path} has been closed; the server is stopping.`,
        );
      try {
        return attempt(work, transaction);
      } catch (error) {
        if (!isBusy(error) || clock.monotonic() - started >= busyMs) throw storageError(error, path);
        logger.debug({ path, pause }, 'the run database is locked, waiting');
      }
      await clock.sleep(pause, { signal });
    }
  }

  return {
    read: (work, signal = {}) => perform(work, false, signal),
    write: (work, signal = {}) => perform(work, true, signal),
    close() {
      closed = true;
      opened?.database.close();
      opened = undefined;
    },
  };
}

function openDatabase(path: string, steps: readonly string[]): { database: DatabaseSync; statements: Statements } {
  const inMemory = path === ':memory:';
  // SQLite gives the files beside the database the mode of the database, so setting it once is enough.
  if (!inMemory) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
  }
  const database = new DatabaseSync(path, { timeout: blockingWaitMs, enableForeignKeyConstraints: true });
  try {
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
    if (mode !== 'wal' && !inMemory) {
      throw new ErrandError(
        'storageUnavailable',
        `The file system of ${path} has no shared memory between processes, as network file systems have none. Put the run database on a local disk.`,
      );
    }
    database.exec('PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864');
    migrate(database, path, steps);
    return { database, statements: cachedStatements(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function cachedStatements(database: DatabaseSync): Statements {
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    let known = prepared.get(sql);
    if (known === undefined) prepared.set(sql, (known = database.prepare(sql)));
    return known;
  };
  return {
    get: (sql, ...values) => statement(sql).get(...values),
    all: (sql, ...values) => statement(sql).all(...values),
    run: (sql, ...values) => Number(statement(sql).run(...values).changes),
  };
}
