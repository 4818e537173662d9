import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { sampleRun, sampleRunId } from '../../src/testing/sample-run.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { runScript } from './support/script.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-outage-'));
  path = join(directory, 'errand.sqlite');
});
afterEach(() => rm(directory, { recursive: true }));

const open = (busyMs = 5_000) => sqliteStorage({ path, clock: systemClock, busyMs });

describe('a locked database', () => {
  test('is waited for without blocking, and named after a while', async () => {
    await open().check();
    const locker = runScript('test/storage/support/lock-database.ts', path);
    try {
      await locker.printed('locked');
      const impatient = open(600);
      let ticks = 0;
      const ticking = setInterval(() => (ticks += 1), 10);
      await expect(impatient.createRun(sampleRun(1))).rejects.toMatchObject({
        code: 'storageBusy',
        message: expect.stringContaining(path),
      });
      clearInterval(ticking);
      expect(ticks).toBeGreaterThan(0);
      const patient = open();
      const waiting = patient.createRun(sampleRun(1));
      locker.child.kill('SIGKILL');
      expect(await waiting).toBe(true);
      await Promise.all([impatient.close(), patient.close()]);
    } finally {
      locker.child.kill('SIGKILL');
      await locker.ended;
    }
  });

  test('stops being waited for with the signal', async () => {
    await open().check();
    const locker = runScript('test/storage/support/lock-database.ts', path);
    try {
      await locker.printed('locked');
      const storage = open();
      await expect(storage.createRun(sampleRun(1), { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
        name: expect.stringMatching(/Timeout|Abort/),
      });
      await storage.close();
    } finally {
      locker.child.kill('SIGKILL');
      await locker.ended;
    }
  });
});

describe('a damaged database', () => {
  test('that is no database is named, with the way out', async () => {
    await writeFile(path, 'garbage '.repeat(1000));
    const storage = open();
    await expect(storage.getRun('x')).rejects.toMatchObject({
      code: 'storageCorrupt',
      message: expect.stringMatching(/errand\.sqlite.*errand backup/),
    });
    await expect(storage.check()).rejects.toMatchObject({ code: 'storageCorrupt' });
    await storage.close();
  });

  test('with damaged pages is named, too', async () => {
    const before = open();
    for (let number = 0; number < 50; number += 1) await before.createRun(sampleRun(number));
    await before.close();
    await truncate(path, 8192);
    const storage = open();
    await expect(storage.listRuns({}, { limit: 100 })).rejects.toMatchObject({ code: 'storageCorrupt' });
    await storage.close();
  });
});

describe('a database that cannot be opened', () => {
  test('is named, and works once it can', async () => {
    path = join(directory, 'data', 'errand.sqlite');
    await writeFile(join(directory, 'data'), 'in the way');
    const storage = open();
    await expect(storage.check()).rejects.toMatchObject({
      code: 'storageUnavailable',
      message: expect.stringContaining(path),
    });
    await rm(join(directory, 'data'));
    await storage.check();
    await storage.close();
    await expect(storage.check()).rejects.toMatchObject({
      code: 'storageUnavailable',
      message: expect.stringContaining('closed'),
    });
  });
});

describe('a full disk', () => {
  test('loses no run, lets reads go on, and heals', async ({ skip }) => {
    const disk = await mountSmallDisk(directory, '400k');
    if ('reason' in disk) return skip(disk.reason);
    try {
      path = join(disk.path, 'errand.sqlite');
      const storage = open();
      await storage.check();
      let stored = 0;
      const fill = async (): Promise<void> => {
        for (; stored < 10_000; stored += 1)
          await storage.createRun(sampleRun(stored, { labels: { filler: 'x'.repeat(100) } }));
      };
      await expect(fill()).rejects.toMatchObject({ code: 'storageFull', message: expect.stringContaining('full') });
      expect(stored).toBeGreaterThan(3);
      expect(await storage.getRun(sampleRunId(stored))).toBeUndefined();
      expect(await storage.getRun(sampleRunId(stored - 1))).toMatchObject({ id: sampleRunId(stored - 1) });
      expect((await storage.listRuns({}, { limit: 10_000 })).runs).toHaveLength(stored);
      const database = new DatabaseSync(path);
      expect(database.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' });
      database.close();
      execFileSync('mount', ['-o', 'remount,size=2m', disk.path]);
      expect(await storage.createRun(sampleRun(stored))).toBe(true);
      await storage.close();
    } finally {
      await disk.unmount();
    }
  });
});
