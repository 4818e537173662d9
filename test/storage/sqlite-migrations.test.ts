import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { sqliteConnection } from '../../src/storage/sqlite-connection.ts';
import { migrate, migrations } from '../../src/storage/sqlite-migrations.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { sampleRun } from '../../src/testing/sample-run.ts';
import { runScript } from './support/script.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-migrations-'));
  path = join(directory, 'errand.sqlite');
});
afterEach(() => rm(directory, { recursive: true }));

const next = "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT 'none'";

/** A file of the schema that Errand has by now. */
async function latest(): Promise<void> {
  const storage = sqliteStorage({ path, clock: systemClock });
  await storage.createRun(sampleRun(1, { labels: { team: 'ops' } }));
  await storage.close();
}

function inspect<T>(work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

const versionOf = (database: DatabaseSync): unknown => database.prepare('PRAGMA user_version').get()?.['user_version'];

describe('migrations', () => {
  test('bring a file of the first version up, with what is in it', async () => {
    const run = sampleRun(1, { labels: { team: 'ops' } });
    inspect((database) => {
      migrate(database, path, migrations.slice(0, 1));
      const row = [run.id, run.taskName, run.wakeAt, JSON.stringify(run.labels), JSON.stringify(run)];
      database
        .prepare(
          "INSERT INTO runs (id, version, task, state, open, wake_at, labels, record) VALUES (?, 1, ?, 'queued', 1, ?, ?, ?)",
        )
        .run(...row);
      expect(versionOf(database)).toBe(1);
    });
    const storage = sqliteStorage({ path, clock: systemClock });
    expect(await storage.getRun(run.id)).toEqual(run);
    expect(await storage.listSchedules({ limit: 1 })).toEqual([]);
    await storage.close();
    expect(inspect(versionOf)).toBe(migrations.length);
  });

  test('bring a file of today up by one that is yet to come', async () => {
    await latest();
    const connection = sqliteConnection({
      path,
      clock: systemClock,
      logger: silentLogger,
      busyMs: 1000,
      migrations: [...migrations, next],
    });
    expect(await connection.read((db) => db.get('SELECT id, note FROM runs'))).toEqual({
      id: sampleRun(1).id,
      note: 'none',
    });
    connection.close();
    expect(inspect(versionOf)).toBe(migrations.length + 1);
  });

  test('leave a file as it was where one fails', async () => {
    await latest();
    inspect((database) => {
      expect(() => migrate(database, path, [...migrations, `${next}; INSERT INTO nowhere VALUES (1)`])).toThrow(
        'nowhere',
      );
      expect(versionOf(database)).toBe(migrations.length);
      expect(
        database
          .prepare('PRAGMA table_info(runs)')
          .all()
          .some((column) => column['name'] === 'note'),
      ).toBe(false);
    });
  });

  test('are made once where many processes start at the same time', async () => {
    const starts = Array.from({ length: 6 }, () => runScript('test/storage/support/start-storage.ts', path).ended);
    for (const { code, stderr } of await Promise.all(starts)) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const storage = sqliteStorage({ path, clock: systemClock });
    expect((await storage.listRuns({}, { limit: 20 })).runs).toHaveLength(6);
    await storage.close();
  });

  test('refuse the file of a newer Errand, and leave it alone', async () => {
    await latest();
    inspect((database) => database.exec('PRAGMA user_version = 9'));
    const storage = sqliteStorage({ path, clock: systemClock });
    await expect(storage.check()).rejects.toMatchObject({
      code: 'invalidConfiguration',
      message: expect.stringContaining('newer Errand (schema 9'),
    });
    await storage.close();
    expect(inspect(versionOf)).toBe(9);
  });

  test('refuse the database of another program', async () => {
    inspect((database) => database.exec('CREATE TABLE bookmarks (url TEXT)'));
    const storage = sqliteStorage({ path, clock: systemClock });
    await expect(storage.check()).rejects.toMatchObject({
      code: 'invalidConfiguration',
      message: expect.stringContaining('another program'),
    });
    await storage.close();
  });
});

describe('a new file', () => {
  test('and those beside it are for this user alone', async () => {
    path = join(directory, 'new', 'errand.sqlite');
    const storage = sqliteStorage({ path, clock: systemClock });
    await storage.createRun(sampleRun(1));
    const modes = await Promise.all(
      [join(directory, 'new'), path, `${path}-wal`, `${path}-shm`].map(async (file) => (await stat(file)).mode & 0o777),
    );
    expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
    await storage.close();
  });

  test('may be there already, empty', async () => {
    await writeFile(path, '');
    const storage = sqliteStorage({ path, clock: systemClock });
    expect(await storage.createRun(sampleRun(1))).toBe(true);
    await storage.close();
  });
});
