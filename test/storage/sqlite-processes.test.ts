import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { sqliteConnection } from '../../src/storage/sqlite-connection.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { sampleRun, sampleRunId } from '../../src/testing/sample-run.ts';
import { runScript } from './support/script.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-processes-'));
  path = join(directory, 'errand.sqlite');
});
afterEach(() => rm(directory, { recursive: true }));

test('processes that share a file lose no write and never hold one slot together', async () => {
  const storage = sqliteStorage({ path, clock: systemClock });
  await storage.createRun(sampleRun(1));
  const holders = ['a', 'b', 'c', 'd'];
  const answers = await Promise.all(
    holders.map((holder) => runScript('test/storage/support/share-run.ts', path, holder, '15').ended),
  );
  expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual(holders.map(() => [0, '']));
  expect((await storage.getRun(sampleRunId(1)))?.version).toBe(61);
  expect(await storage.slotQueue('k')).toEqual([]);
  await storage.close();

  const held = answers
    .flatMap(({ stdout }) => stdout.trim().split('\n'))
    .map((line) => line.split(' ').map(BigInt) as [bigint, bigint])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  expect(held).toHaveLength(60);
  for (const [index, [start]] of held.entries()) expect(start > (held[index - 1]?.[1] ?? 0n)).toBe(true);
});

test('every commit is synced to the disk, and other connections see it in the shared log', async () => {
  const connection = sqliteConnection({ path, clock: systemClock, logger: silentLogger, busyMs: 1000 });
  // 2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
  expect(await connection.read((db) => db.get('PRAGMA synchronous'))).toEqual({ synchronous: 2 });
  expect(await connection.read((db) => db.get('PRAGMA journal_mode'))).toEqual({ journal_mode: 'wal' });
  expect(await connection.read((db) => db.get('PRAGMA foreign_keys'))).toEqual({ foreign_keys: 1 });
  connection.close();
});
