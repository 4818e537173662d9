import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ulid } from 'ulid';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { RunChange } from '../../src/contract/overview.ts';
import { changeFeed } from '../../src/core/change-feed.ts';
import { instant } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Storage } from '../../src/core/ports/storage.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';
import { ended, queued, t0 } from './support/records.ts';

let directory: string;
let storage: Storage;
let clock: ManualClock;
let ring: (runId: string) => void;
let looks: number;
let fails: boolean;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-feed-'));
  clock = manualClock(t0);
  storage = sqliteStorage({ path: join(directory, 'errand.db'), clock });
  looks = 0;
  fails = false;
  ring = () => {};
});
afterEach(async () => {
  await storage.close();
  await rm(directory, { recursive: true, force: true });
});

function feed() {
  const counted: Storage = {
    ...storage,
    listRuns: (...given) => {
      looks += 1;
      return fails ? Promise.reject(new Error('gone')) : storage.listRuns(...given);
    },
  };
  return changeFeed({ storage: counted, clock, logger: silentLogger }, (callback) => {
    ring = callback;
    return () => {
      ring = () => {};
    };
  });
}

/** Everything that has been asked of the storage is answered. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const pass = (ms: number) => clock.advance(ms, settle);
const idAt = (ms: number) => ulid(t0 + ms).toLowerCase();
const openRun = (id: string, changes: object = {}) => queued({ id, createdAt: instant(t0), ...changes });

test('what is there when somebody begins to listen is no change; what comes then is one, whoever makes it', async () => {
  await storage.createRun(openRun(idAt(0)));
  const told: RunChange[] = [];
  const stop = await feed().listen((changes) => told.push(...changes));
  await pass(5_000);
  expect(told).toEqual([]);
  const id = idAt(1);
  await storage.createRun(openRun(id));
  await pass(2_100);
  expect(told).toEqual([{ id, taskName: 'Demo', state: 'queued', version: 1 }]);
  stop();
});

test('a change of this process is told at once, also of a run that is old', async () => {
  const old = idAt(0);
  await storage.createRun(ended({ id: old, open: false }));
  for (let index = 1; index <= 60; index += 1) await storage.createRun(ended({ id: idAt(index), open: false }));
  const told: RunChange[] = [];
  const stop = await feed().listen((changes) => told.push(...changes));
  await pass(300);
  await storage.updateRun(ended({ id: old, open: false, version: 2 }));
  ring(old);
  await pass(250);
  expect(told.map(({ id, version }) => [id, version])).toEqual([[old, 2]]);
  stop();
});

test('of an open run that is not among the newest the next wake-up, or its end, gives it away', async () => {
  const old = idAt(0);
  await storage.createRun(openRun(old));
  for (let index = 1; index <= 60; index += 1) await storage.createRun(ended({ id: idAt(index), open: false }));
  const told: RunChange[] = [];
  const stop = await feed().listen((changes) => told.push(...changes));
  await storage.updateRun(openRun(old, { version: 2, wakeAt: instant(t0 + 99_000) }));
  await pass(2_100);
  await storage.updateRun(ended({ id: old, version: 3, open: false }));
  await pass(2_100);
  expect(told.map(({ version, state }) => `${version} ${state}`)).toEqual(['2 queued', '3 succeeded']);
  stop();
});

test('however much rings, and however many listen, storage is asked five times a second at most', async () => {
  const one = feed();
  const stops = await Promise.all(Array.from({ length: 10 }, () => one.listen(() => undefined)));
  looks = 0;
  for (let step = 0; step < 100; step += 1) {
    ring(idAt(0));
    await pass(10);
  }
  expect(looks).toBeGreaterThan(2);
  expect(looks).toBeLessThanOrEqual(6);
  for (const stop of stops) stop();
});

test('while nobody listens nobody looks, and who comes later misses nothing', async () => {
  const one = feed();
  const stop = await one.listen(() => undefined);
  stop();
  await pass(3_000);
  looks = 0;
  await pass(60_000);
  expect(looks).toBe(0);
  const told: RunChange[] = [];
  const stopAgain = await one.listen((changes) => told.push(...changes));
  await storage.createRun(openRun(idAt(1)));
  await pass(2_100);
  expect(told).toHaveLength(1);
  stopAgain();
});

test('an outage of the storage is outlived, and its changes are told after it', async () => {
  const told: RunChange[] = [];
  const id = idAt(0);
  await storage.createRun(ended({ id, open: false }));
  for (let index = 1; index <= 60; index += 1) await storage.createRun(ended({ id: idAt(index), open: false }));
  const one = feed();
  fails = true;
  await expect(one.listen(() => undefined)).rejects.toThrow('gone');
  fails = false;
  const stop = await one.listen((changes) => told.push(...changes));
  fails = true;
  await storage.updateRun(ended({ id, open: false, version: 2 }));
  ring(id);
  await pass(10_000);
  expect(told).toEqual([]);
  fails = false;
  await pass(5_000);
  expect(told.map((change) => change.id)).toEqual([id]);
  stop();
});
