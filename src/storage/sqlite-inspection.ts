import { DatabaseSync } from 'node:sqlite';
import { storageError } from './sqlite-errors.ts';
import { checkedVersion, migrations } from './sqlite-migrations.ts';

export interface Inspection {
  /** What is wrong with it, in SQLite's words; empty where it is sound. */
  damages: string[];
  /** Version of its schema, and of the newest that is known here. */
  schema: number;
  newestSchema: number;
}

const mostDamages = 5;
const waitForLockMs = 2_000;

/**
 * Checks a run database without changing it, while servers go on with it. Reads all of it, and blocks this process meanwhile (0.4 s for each GB that the system has in memory, else what the disk takes).
 * Throws `storageCorrupt` or `storageUnavailable` where it cannot be read, and `invalidConfiguration` where it is a newer Errand's or another program's.
 */
export function inspectDatabase(path: string): Inspection {
  return reading(path, (database) => {
    const schema = checkedVersion(database, path, migrations.length);
    const verdicts = database.prepare(`PRAGMA quick_check(${mostDamages})`).all();
    const texts = verdicts.map((row) => String(row['quick_check']));
    return { damages: texts.filter((text) => text !== 'ok'), schema, newestSchema: migrations.length };
  });
}

/** Ids of open runs whose wake-up was due before `before` (RFC 3339), soonest first, at most `limit`. */
export function overdueRuns(path: string, { before, limit }: { before: string; limit: number }): string[] {
  return reading(path, (database) => {
    // A database that was never started with has no tables.
    if (checkedVersion(database, path, migrations.length) === 0) return [];
    return database
      .prepare('SELECT id FROM runs WHERE open = 1 AND wake_at < ? ORDER BY wake_at, id LIMIT ?')
      .all(before, limit)
      .map((row) => String(row['id']));
  });
}

/** Ids of runs with a webhook that was given up, latest first, at most `limit`, among the latest `among`. */
export function runsWithDeadWebhooks(path: string, { among, limit }: { among: number; limit: number }): string[] {
  return reading(path, (database) => {
    if (checkedVersion(database, path, migrations.length) === 0) return [];
    return database
      .prepare(
        `SELECT id FROM (SELECT id, record FROM runs ORDER BY id DESC LIMIT ?) WHERE EXISTS
           (SELECT 1 FROM json_each(record, '$.webhooks') WHERE json_extract(value, '$.state') = 'dead') LIMIT ?`,
      )
      .all(among, limit)
      .map((row) => String(row['id']));
  });
}

function reading<T>(path: string, work: (database: DatabaseSync) => T): T {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: waitForLockMs });
    return work(database);
  } catch (error) {
    throw storageError(error, path);
  } finally {
    database?.close();
  }
}
