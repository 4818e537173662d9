import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { backupDatabase } from '../../src/storage/sqlite-backup.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { sampleRun, sampleRunId } from '../../src/testing/sample-run.ts';
import { runScript } from './support/script.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-durability-'));
  path = join(directory, 'errand.sqlite');
});
afterEach(() => rm(directory, { recursive: true }));

const integrity = (file: string): unknown => {
  const database = new DatabaseSync(file);
  try {
    return database.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
  } finally {
    database.close();
  }
};

describe('a process that is killed', () => {
  test('has stored every write that it has acknowledged', async () => {
    for (let round = 0; round < 5; round += 1) {
      const first = round * 100_000;
      const writer = runScript('test/storage/support/write-runs.ts', path, String(first));
      await writer.printed(`${first}\n`);
      await delay(Math.random() * 120);
      writer.child.kill('SIGKILL');
      const { stdout } = await writer.ended;
      const acknowledged = stdout.split('\n').slice(0, -1).map(Number);
      expect(acknowledged.length).toBeGreaterThan(0);

      const storage = sqliteStorage({ path, clock: systemClock });
      const queue = new Set((await storage.slotQueue('k')).map(({ holder }) => holder));
      for (const number of acknowledged) {
        expect(await storage.getRun(sampleRunId(number)), `run ${number}`).toEqual(sampleRun(number));
        expect(queue.has(sampleRunId(number))).toBe(true);
      }
      // At most the one write that it could not acknowledge any more.
      const unacknowledged = await storage.getRun(sampleRunId((acknowledged.at(-1) ?? 0) + 2));
      expect(unacknowledged).toBeUndefined();
      await storage.close();
      expect(integrity(path)).toBe('ok');
    }
  });
});

describe('a backup', () => {
  test('is the state of one moment, also while another process writes', async () => {
    const writer = runScript('test/storage/support/write-runs.ts', path);
    try {
      await writer.printed('20\n');
      const target = join(directory, 'backup.sqlite');
      const { bytes } = await backupDatabase(path, target);
      expect((await stat(target)).size).toBe(bytes);
      expect((await stat(target)).mode & 0o777).toBe(0o600);
      expect(integrity(target)).toBe('ok');
      const copy = sqliteStorage({ path: target, clock: systemClock });
      const runs = (await copy.listRuns({}, { limit: 10_000 })).runs.length;
      expect(runs).toBeGreaterThan(20);
      // Each run is written before its slot, one after the other: no moment has more than one without.
      expect(runs - (await copy.slotQueue('k')).length).toBeLessThanOrEqual(1);
      await copy.check();
      await copy.close();
      expect(writer.child.exitCode).toBeNull();
    } finally {
      writer.child.kill('SIGKILL');
      await writer.ended;
    }
  });

  test('overwrites nothing, and leaves nothing where it fails', async () => {
    const storage = sqliteStorage({ path, clock: systemClock });
    await storage.createRun(sampleRun(1));
    await storage.close();
    const target = join(directory, 'backup.sqlite');
    await writeFile(target, 'precious');
    await expect(backupDatabase(path, target)).rejects.toMatchObject({
      code: 'invalidRequest',
      message: expect.stringContaining('never overwrites'),
    });
    expect((await stat(target)).size).toBe(8);
    await expect(backupDatabase(join(directory, 'missing'), join(directory, 'b'))).rejects.toMatchObject({
      code: 'storageUnavailable',
    });
    await expect(backupDatabase(path, join(directory, 'no', 'such', 'directory'))).rejects.toMatchObject({
      code: 'storageUnavailable',
    });
    await expect(backupDatabase(target, join(directory, 'b'))).rejects.toMatchObject({ code: 'storageCorrupt' });
    await expect(stat(join(directory, 'b'))).rejects.toThrow('ENOENT');
  });
});
