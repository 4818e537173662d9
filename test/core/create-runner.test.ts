import { describe, expect, test } from 'vitest';
import { reconciler } from '../../src/core/reconcile.ts';
import { startErrand, type Errand } from './support/errand.ts';

/** A run whose attempt is open, and the work that creates its container, not yet done. */
async function opened(errand: Errand, taskName = 'Demo') {
  // Nobody else looks: the run is accepted by a process that dies with its last call.
  const { context } = await errand.start();
  const works: (() => Promise<void>)[] = [];
  const { reconcile } = reconciler(context, {
    create: async (_, work) => {
      works.push(work);
    },
    wake: () => undefined,
  });
  errand.fail = (call) => {
    if (call === 'storage.createRun') errand.process.kill();
  };
  const accepted = errand.orchestrator.accept(
    { taskName, parameters: [], labels: {}, timeouts: {} },
    { principal: 'ann' },
  );
  await Promise.race([accepted, errand.process.killed]);
  await errand.settle();
  errand.fail = undefined;
  const id = errand.history.at(-1)?.id ?? '';
  await reconcile(id);
  const create = works[0];
  if (create === undefined) throw new Error('no attempt was opened');
  const stored = async () => {
    const run = await context.storage.getRun(id);
    if (run === undefined) throw new Error('the run is gone');
    return run;
  };
  return { create, reconcile: () => reconcile(id), stored, context };
}

test('what was created is written down', async () => {
  const errand = await startErrand();
  const { create, stored } = await opened(errand);
  expect((await stored()).attempts[0]).not.toHaveProperty('createdAt');
  await create();
  const run = await stored();
  const [attempt] = run.attempts;
  expect(attempt).toMatchObject({ containerId: `id-${attempt?.containerName}`, createdAt: expect.any(String) });
  expect(attempt).not.toHaveProperty('phase');
  expect(errand.platform.creates).toEqual([attempt?.containerName]);
});

describe('a slow create', () => {
  test('keeps its lease and says what it does; others leave it alone', async () => {
    const errand = await startErrand();
    errand.platform.next = 'slow';
    const run = await errand.ask('Demo');
    const first = run.attempts[0]?.lease.until ?? '';
    await errand.advance(60_000);
    const after = await errand.run(run.id);
    expect(after).toMatchObject({ state: 'starting', attempts: [{ phase: 'creating', counted: true }] });
    expect(Date.parse(after.attempts[0]?.lease.until ?? '')).toBeGreaterThan(Date.parse(first) + 40_000);
    expect(Date.parse(after.attempts[0]?.lease.until ?? '')).toBeGreaterThan(errand.clock.now());
    expect(errand.platform.creates).toEqual([]);
  });

  test('is aborted by a cancel, and leaves no container', async () => {
    const errand = await startErrand();
    errand.platform.next = 'slow';
    const run = await errand.ask('Demo');
    await errand.orchestrator.cancel(run.id, 'bob');
    await errand.settle();
    expect((await errand.run(run.id)).state).toBe('canceled');
    await errand.advance(6000);
    expect(errand.platform.hanging).toBe(0);
    expect(errand.platform.containers.size).toBe(0);
    expect(await errand.run(run.id)).toMatchObject({ open: false, message: 'canceled by bob before it started' });
  });

  test('is aborted when startSeconds are over', async () => {
    const errand = await startErrand();
    errand.platform.next = 'slow';
    const run = await errand.ask('Demo');
    await errand.advance(250_000);
    expect(await errand.run(run.id)).toMatchObject({
      state: 'failed',
      reason: 'startTimeout',
      message: expect.stringContaining('creating'),
    });
    expect(errand.platform.hanging).toBe(0);
  });
});

describe('whoever comes too late', () => {
  test('finds the exchange used, and creates nothing', async () => {
    const errand = await startErrand();
    const { create, reconcile, stored } = await opened(errand);
    await errand.advance(16_000);
    await reconcile();
    expect((await stored()).attempts[0]).toMatchObject({ counted: false, reason: 'nothingStarted' });
    await create();
    expect(errand.platform.creates).toEqual([]);
  });

  test('removes the container that it has created for a run which was canceled and cleaned up meanwhile', async () => {
    const errand = await startErrand();
    errand.platform.next = 'late';
    const run = await errand.ask('Demo');
    await errand.orchestrator.cancel(run.id, 'bob');
    await errand.settle();
    expect(await errand.run(run.id)).toMatchObject({ state: 'canceled', open: false });
    errand.platform.release();
    await errand.settle();
    expect(errand.platform.creates).toHaveLength(1);
    expect([...errand.platform.containers.keys()]).toEqual([]);
  });

  test('finds the fence taken, if its container boots before it is removed', async () => {
    const errand = await startErrand();
    errand.platform.next = 'late';
    const run = await errand.ask('Demo');
    await errand.orchestrator.cancel(run.id, 'bob');
    await errand.settle();
    errand.fail = (call) => {
      if (call !== 'driver.remove') return;
      for (const name of errand.platform.containers.keys()) errand.platform.boot(name);
    };
    errand.platform.release();
    await errand.settle();
    expect(errand.platform.creates).toHaveLength(1);
    expect(errand.platform.starts).toEqual([]);
  });
});

describe('what proves that nothing was started', () => {
  test.each([
    ['a secret of the orchestrator that is not set', 'secretUnavailable', 'no secrets here'],
    ['an executable that has been replaced', 'executableUnavailable', 'demo.sh'],
    ['a refusal of the platform', 'startError', 'refused by the script'],
  ] as const)('%s ends the run with its reason, and no container is left', async (_, reason, message) => {
    const errand = await startErrand();
    const secret = { parameterName: 'Key', parameterType: 'secret' as const, valueFrom: 'env:ERRAND_SECRET_KEY' };
    await errand.push({ taskName: 'Secret', scriptParameters: reason === 'secretUnavailable' ? [secret] : [] });
    const { create, reconcile, stored, context } = await opened(errand, 'Secret');
    if (reason === 'executableUnavailable')
      await context.artifacts.put('demo.sh', Buffer.from('#!/bin/sh\necho other\n'));
    if (reason === 'startError') errand.platform.next = 'refused';
    await create();
    await reconcile();
    expect(await stored()).toMatchObject({
      state: 'failed',
      reason,
      message: expect.stringContaining(message),
      attempts: [{ counted: true, reason }],
    });
    expect(errand.platform.creates).toEqual([]);
  });

  test('an answer that is lost proves nothing: the container is found and kept', async () => {
    const errand = await startErrand();
    errand.platform.next = 'answerLost';
    const run = await errand.ask('Demo');
    expect(run).toMatchObject({ state: 'starting' });
    expect((await errand.runToEnd(run.id)).state).toBe('succeeded');
    expect(errand.platform.creates).toHaveLength(1);
  });

  test('a request that never arrived: a further attempt, which is not one of those that retry counts', async () => {
    const errand = await startErrand();
    errand.platform.next = 'neverSent';
    const run = await errand.ask('Demo');
    expect(run).toMatchObject({ state: 'queued', waiting: { reason: 'backoff' } });
    await errand.advance(2000);
    expect(await errand.run(run.id)).toMatchObject({
      state: 'starting',
      attempts: [{ counted: false }, { counted: true }],
    });
    expect((await errand.runToEnd(run.id)).state).toBe('succeeded');
  });

  test('a container that was created and not started is removed', async () => {
    const errand = await startErrand();
    errand.platform.next = 'notStarted';
    const run = await errand.ask('Demo');
    await errand.advance(2000);
    const names = (await errand.run(run.id)).attempts.map(({ containerName }) => containerName);
    expect(names).toHaveLength(2);
    expect([...errand.platform.containers.keys()]).toEqual([names[1]]);
  });
});
