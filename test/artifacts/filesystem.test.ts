import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesystemArtifacts } from '../../src/artifacts/filesystem.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { ArtifactStore } from '../../src/core/ports/artifact-store.ts';
import {
  bytesOf,
  openSample,
  sampleAttempt,
  samplePlan,
  sha256Of,
  textOf,
  until,
} from '../../src/testing/sample-exchange.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

let directory: string;
let data: string;
let store: ArtifactStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-filesystem-'));
  data = join(directory, 'data');
  store = filesystemArtifacts({ directory: data, clock: systemClock });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the folder of tasks', () => {
  test('takes files that people put there, and sees when they overwrite them', async () => {
    await store.check();
    const path = join(data, 'tasks', 'by-hand.sh');
    await writeFile(path, 'one');
    // Old enough for its hash to be remembered.
    const long = new Date(1_600_000_000_000);
    const later: Clock = { ...systemClock, now: () => systemClock.now() + 60_000 };
    const remembering = filesystemArtifacts({ directory: data, clock: later });
    await utimes(path, long, long);
    const first = await remembering.describe('by-hand.sh');
    expect(first?.sha256).toBe(sha256Of('one'));
    expect(await remembering.get('by-hand.sh', { ifNoneMatch: first?.etag })).toMatchObject({ unchanged: true });
    // The same length and time stamp again: only the time of change, which nobody can set, is another.
    await writeFile(path, 'two');
    await utimes(path, long, long);
    expect((await remembering.describe('by-hand.sh'))?.sha256).toBe(sha256Of('two'));
    expect(await remembering.get('by-hand.sh', { ifNoneMatch: first?.etag })).toMatchObject({ unchanged: false });
    expect(await remembering.put('by-hand.sh', bytesOf('x'), { ifMatch: first?.etag })).toBe(false);
  });

  test('is not fooled by files that change more than once within a tick of the clock', async () => {
    await store.check();
    // Kernels before 6.13 stamp files in ticks of some milliseconds; later ones tell any two changes apart that somebody looked between.
    for (let n = 100; n < 160; n += 1) {
      await writeFile(join(data, 'tasks', 'by-hand.sh'), `${n}`);
      expect((await store.describe('by-hand.sh'))?.sha256).toBe(sha256Of(`${n}`));
    }
  });

  test('leaves out links and what is no file, and says so', async () => {
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (details: object) => void warnings.push(details) };
    store = filesystemArtifacts({ directory: data, clock: systemClock, logger });
    await store.put('plain', bytesOf('x'));
    await symlink('/etc/passwd', join(data, 'tasks', 'link'));
    await mkdir(join(data, 'tasks', 'directory'));
    await writeFile(join(data, 'tasks', '.hidden'), 'x');
    const names: string[] = [];
    for await (const { name } of store.list()) names.push(name);
    expect(names).toEqual(['plain']);
    expect(await store.get('link')).toBeUndefined();
    expect(warnings).toContainEqual({ file: join(data, 'tasks', 'link'), why: 'it is not a regular file' });
    const plan = samplePlan('link', await readFile('/etc/passwd', 'utf8'));
    await expect(store.exchange(sampleAttempt(1)).open(plan)).rejects.toMatchObject({ code: 'executableMissing' });
  });

  test('is for this user alone, as is all but what a runner sees', async () => {
    const access = await openSample(store, sampleAttempt(1));
    await store.exchange(sampleAttempt(1)).collect(undefined);
    const open = spawnSync('find', [data, '-perm', '/077', '!', '-path', `${data}/cache/*`], { encoding: 'utf8' });
    const boxes = access.kind === 'directory' ? [access.exchange, join(access.exchange, 'ticket')] : [];
    expect(open.stdout.trim().split('\n').toSorted()).toEqual(boxes.toSorted());
  });

  test('is cleared of what a crash left unfinished, an hour later', async () => {
    await store.check();
    for (const name of ['.unfinished-old', '.unfinished-new']) await writeFile(join(data, 'tasks', name), 'half');
    const old = new Date(systemClock.now() - 2 * 3600 * 1000);
    await utimes(join(data, 'tasks', '.unfinished-old'), old, old);
    await filesystemArtifacts({ directory: data, clock: systemClock }).check();
    expect(await readdir(join(data, 'tasks'))).toEqual(['.unfinished-new']);
  });
});

test('an exchange that is discarded keeps nothing of those who died while they opened or collected it', async () => {
  const attempt = sampleAttempt(1);
  await openSample(store, attempt);
  const ours = join(data, 'exchanges', attempt.runId, '1');
  const run = join(data, 'runs', attempt.runId);
  const halfCollected = join(run, '.unfinished-one');
  await mkdir(halfCollected, { recursive: true });
  await writeFile(join(halfCollected, 'log'), 'half a log');
  await writeFile(join(ours, '.unfinished-two'), 'a ticket, with secret values in it');
  await store.exchange(attempt).discard();
  expect(await readdir(run)).toEqual([]);
  expect(await readdir(ours)).not.toContain('.unfinished-two');
});

test('an exchange that is fenced while it is discarded is not made anew by that', async () => {
  for (let number = 1; number <= 20; number += 1) {
    const attempt = sampleAttempt(number);
    await openSample(store, attempt);
    const at = new Date(number).toISOString();
    const fences = Array.from({ length: 4 }, (_, n) =>
      store.exchange(attempt).takeFence({ by: 'orchestrator', why: { kind: 'canceled' }, message: `${n}`, at }),
    );
    await Promise.all([...fences, store.exchange(attempt).discard(), store.exchange(attempt).discard()]);
    const ours = await readdir(join(data, 'exchanges', attempt.runId, '1'));
    expect(ours.filter((name) => name.startsWith('box') || name.startsWith('.'))).toEqual([]);
  }
});

describe('executables', () => {
  const text = '#!/bin/sh\necho "as pinned"\n';

  test('are mounted read-only from a copy that is what was pinned, whatever became of the file', async () => {
    await store.put('task.sh', bytesOf(text));
    const first = await store.exchange(sampleAttempt(1)).open(samplePlan('task.sh', text));
    await store.put('task.sh', bytesOf('changed'));
    const second = await store.exchange(sampleAttempt(2)).open(samplePlan('task.sh', text));
    if (first.kind !== 'directory' || second.kind !== 'directory') throw new TypeError('this store gives directories');
    expect(second.executable).toBe(first.executable);
    expect(await readdir(second.executable)).toEqual(['task.sh']);
    expect(await readFile(join(second.executable, 'task.sh'), 'utf8')).toBe(text);
    const modes = await Promise.all(
      [second.executable, join(second.executable, 'task.sh')].map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes).toEqual([0o555, 0o555]);
  });

  test('are copied anew where the copy was tampered with', async () => {
    await store.put('task.sh', bytesOf(text));
    const access = await store.exchange(sampleAttempt(1)).open(samplePlan('task.sh', text));
    if (access.kind !== 'directory') throw new TypeError('this store gives directories');
    const copy = join(access.executable, 'task.sh');
    const { mtime } = await stat(copy);
    await chmod(copy, 0o755);
    await writeFile(copy, text.replace('pinned', 'forged'));
    await chmod(copy, 0o555);
    await utimes(copy, mtime, mtime);
    await store.exchange(sampleAttempt(2)).open(samplePlan('task.sh', text));
    expect(await readFile(copy, 'utf8')).toBe(text);
  });

  test('are copied once where many attempts begin at the same time', async () => {
    await store.put('task.sh', bytesOf(text));
    const stores = [store, filesystemArtifacts({ directory: data, clock: systemClock })];
    await Promise.all(
      Array.from({ length: 12 }, async (_, n) =>
        stores[n % 2]?.exchange(sampleAttempt(n)).open(samplePlan('task.sh', text)),
      ),
    );
    expect(await readdir(join(data, 'cache'))).toEqual([`${sha256Of(text)}-task.sh`]);
  });
});

describe('paths', () => {
  test('are told as the engine sees them to mounted runners, and as they are to those on the host', async () => {
    store = filesystemArtifacts({ directory: data, clock: systemClock, hostPath: '/srv/errand' });
    const mounted = await openSample(store, sampleAttempt(1));
    expect(mounted).toMatchObject({
      exchange: expect.stringMatching(/^\/srv\/errand\/exchanges\//),
      executable: expect.stringMatching(/^\/srv\/errand\/cache\//),
    });
    const onHost = await openSample(store, sampleAttempt(2), { view: 'host' });
    if (onHost.kind !== 'directory') throw new TypeError('this store gives directories');
    expect(onHost.exchange.startsWith(`${data}/`)).toBe(true);
    const ticket = await readFile(join(onHost.exchange, 'ticket'), 'utf8');
    const [, executable = ''] = /^ERRAND_EXECUTABLE='(.*)'$/m.exec(ticket) ?? [];
    expect(executable.startsWith(`${onHost.executable}/`)).toBe(true);
    expect((await stat(executable)).isFile()).toBe(true);
  });

  test('are never made of what is no id', () => {
    for (const runId of ['', '..', '../x', 'A'.repeat(26), `${'a'.repeat(25)}/`]) {
      expect(() => store.exchange({ runId, attempt: 1 })).toThrow(TypeError);
    }
    for (const attempt of [0, -1, 1.5, Number.NaN])
      expect(() => store.exchange(sampleAttempt(1, attempt))).toThrow(TypeError);
  });
});

describe('an outage', () => {
  test('is named, and over once it is over', async () => {
    await writeFile(data, 'in the way');
    await expect(store.check()).rejects.toMatchObject({
      code: 'artifactsUnavailable',
      message: expect.stringContaining(data),
    });
    await expect(store.get('x')).rejects.toMatchObject({ code: 'artifactsUnavailable' });
    await rm(data);
    await store.check();
    await rm(data, { recursive: true });
    await expect(store.check()).rejects.toMatchObject({ code: 'artifactsUnavailable' });
    await store.check();
  });

  test('of a full disk leaves nothing half written, and heals', async ({ skip }) => {
    const disk = await mountSmallDisk(directory, '400k');
    if ('reason' in disk) return skip(disk.reason);
    try {
      store = filesystemArtifacts({ directory: disk.path, clock: systemClock });
      await store.put('small', bytesOf('before'));
      const access = await openSample(store, sampleAttempt(1));
      if (access.kind !== 'directory') throw new TypeError('this store gives directories');
      await writeFile(join(access.exchange, 'log'), 'x'.repeat(200_000));
      await expect(store.put('small', new Uint8Array(300_000))).rejects.toMatchObject({ code: 'storageFull' });
      await expect(store.exchange(sampleAttempt(1)).collect(undefined)).rejects.toMatchObject({
        code: 'storageFull',
        message: expect.stringContaining(disk.path),
      });
      const kept = await store.get('small');
      expect(kept?.unchanged === false && textOf(kept.body)).toBe('before');
      const left = spawnSync('find', [disk.path, '-name', '.unfinished*'], { encoding: 'utf8' });
      expect(left.stdout).toBe('');
      spawnSync('mount', ['-o', 'remount,size=2m', disk.path]);
      expect(await store.exchange(sampleAttempt(1)).collect(undefined)).toMatchObject({ log: { bytes: 200_000 } });
    } finally {
      await disk.unmount();
    }
    return undefined;
  });
});

describe('watching', () => {
  test('hears of what matters, without a look at the clock', async () => {
    // Its safety net never comes, so that every wake-up is an event.
    const clock: Clock = { ...systemClock, after: () => () => {} };
    store = filesystemArtifacts({ directory: data, clock });
    const seen = { state: 0, log: 0 };
    const stop = new AbortController();
    const watching = (['state', 'log'] as const).map(async (of) => {
      for await (const _ of store.exchange(sampleAttempt(1)).watch(of, { signal: stop.signal })) seen[of] += 1;
    });
    await until(() => seen.state > 0 && seen.log > 0);
    const access = await openSample(store, sampleAttempt(1));
    const box = access.kind === 'directory' ? access.exchange : '';
    const settle = async (): Promise<void> => systemClock.sleep(150);
    await settle();
    const before = { ...seen };
    for (let n = 0; n < 50; n += 1) await writeFile(join(box, `noise-${n}`), 'x');
    await settle();
    expect(seen).toEqual(before);
    await writeFile(join(box, 'log'), 'x');
    await until(() => seen.log > before.log);
    expect(seen.state).toBe(before.state);
    await writeFile(join(box, 'result.json'), '{}');
    await until(() => seen.state > before.state);
    // A flood of events is heard at a bounded rate.
    await settle();
    const quiet = seen.log;
    const started = systemClock.monotonic();
    for (let n = 0; n < 500; n += 1) await writeFile(join(box, 'log'), `${n}`);
    await settle();
    expect(seen.log - quiet).toBeLessThan((systemClock.monotonic() - started) / 20 + 2);
    await store.exchange(sampleAttempt(1)).discard();
    await store.deleteRun(sampleAttempt(1).runId);
    const other = seen.state;
    await openSample(store, sampleAttempt(1));
    await until(() => seen.state > other);
    stop.abort();
    await Promise.all(watching);
  });
});
