import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ErrandError } from '../../src/contract/errors.ts';
import { instant } from '../../src/core/clock.ts';
import { looker } from '../../src/core/looker.ts';
import { NoCapacity } from '../../src/core/ports/runner-driver.ts';
import { orchestrator } from '../../src/core/orchestrator.ts';
import { reconciler } from '../../src/core/reconcile.ts';
import { request, startErrand, type Errand } from './support/errand.ts';
import { t0 } from './support/records.ts';

describe('wake-ups', () => {
  test('one is scheduled before the record promises it, and no second one while it stands', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo');
    const { reconcile } = reconciler(errand.process.context, { create: (_, work) => work(), wake: () => undefined });
    errand.calls.length = 0;
    for (let looks = 0; looks < 5; looks += 1) await reconcile(run.id);
    expect(errand.calls).not.toContain('queue.schedule');
    expect(errand.calls).not.toContain('storage.updateRun');

    errand.platform.boot(await errand.container(run.id));
    errand.calls.length = 0;
    await reconcile(run.id);
    const written = errand.calls.filter((call) => call === 'queue.schedule' || call === 'storage.updateRun');
    expect(written).toEqual(['storage.updateRun']);
    const before = await errand.run(run.id);
    await errand.advance(31_000);
    const after = await errand.run(run.id);
    expect(after.wakeId).not.toBe(before.wakeId);
    expect(Date.parse(after.wakeAt)).toBeGreaterThan(errand.clock.now());
  });

  test('that cannot be scheduled is not promised', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo');
    errand.fail = (call) => {
      if (call === 'queue.schedule') throw new Error('the queue is gone');
    };
    await errand.advance(31_000);
    expect((await errand.run(run.id)).wakeId).toBe(run.wakeId);
    expect(errand.calls.filter((call) => call === 'queue.schedule').length).toBeGreaterThan(1);
    errand.fail = undefined;
    await errand.advance(61_000);
    expect((await errand.run(run.id)).wakeId).not.toBe(run.wakeId);
  });

  test('of another chain, of a closed run and of none are dropped after one read', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo');
    const done = await errand.ask('Demo');
    await errand.runToEnd(done.id);
    await errand.advance(1000);
    const closed = await errand.run(done.id);
    expect(closed.open).toBe(false);
    const { onWakeUp, close } = looker(errand.process.context);
    for (const wakeUp of [
      { runId: run.id, wakeId: 'another' },
      { runId: closed.id, wakeId: closed.wakeId },
      { runId: '01m4rk0000000000000000000z', wakeId: run.wakeId },
    ]) {
      errand.calls.length = 0;
      await onWakeUp(wakeUp);
      expect(errand.calls).toEqual(['storage.getRun']);
    }
    errand.calls.length = 0;
    await onWakeUp({ runId: run.id, wakeId: (await errand.run(run.id)).wakeId });
    expect(errand.calls).toContain('exchange.fence');
    await close();
  });

  test('stay one chain however often and by whomever a run is looked at', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo');
    errand.platform.boot(await errand.container(run.id));
    for (let looks = 0; looks < 20; looks += 1) errand.platform.tell(run.id);
    await errand.advance(300_000);
    errand.calls.length = 0;
    await errand.advance(300_000);
    // A safety look every 30 seconds, and the sweep does not add to them.
    const scheduled = errand.calls.filter((call) => call === 'queue.schedule').length;
    expect(scheduled).toBeGreaterThanOrEqual(9);
    expect(scheduled).toBeLessThanOrEqual(11);
  });
});

describe('two at once', () => {
  test('open one attempt and create one container', async () => {
    const errand = await startErrand();
    const other = await errand.start();
    const { run } = await errand.orchestrator.accept(
      { taskName: 'Demo', parameters: [], labels: {}, timeouts: {} },
      { principal: 'ann' },
    );
    const hooks = { create: (_: unknown, work: () => Promise<void>) => work(), wake: () => undefined };
    await Promise.all([
      reconciler(errand.process.context, hooks).reconcile(run.id),
      reconciler(other.context, hooks).reconcile(run.id),
    ]);
    await errand.settle();
    expect(errand.platform.creates).toHaveLength(1);
    expect((await errand.run(run.id)).attempts).toHaveLength(1);
  });
});

describe('a platform that does not answer', () => {
  test('proves nothing: the run stays where it is, says so, and goes on afterwards', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo');
    errand.platform.boot(await errand.container(run.id));
    errand.platform.tell(run.id);
    await errand.settle();
    errand.platform.reachable = false;
    errand.platform.vanish(await errand.container(run.id));
    await errand.advance(120_000);
    expect(await errand.run(run.id)).toMatchObject({ state: 'running', staleSince: expect.any(String) });
    errand.platform.reachable = true;
    await errand.advance(60_000);
    expect(await errand.run(run.id)).toMatchObject({ state: 'lost', reason: 'vanished', open: false });
    expect(await errand.run(run.id)).not.toHaveProperty('staleSince');
  });
});

test('a platform with one place that has no room is left alone for a while, as any other is', async () => {
  const errand = await startErrand();
  let creates = 0;
  errand.fail = (call) => {
    if (call !== 'driver.create') return;
    creates += 1;
    // More would be made in no time if nobody waited.
    if (creates <= 100) throw new NoCapacity('no process can be started now');
  };
  const run = await errand.ask('Demo');
  expect(creates).toBe(1);
  expect(await errand.run(run.id)).toMatchObject({ waiting: { reason: 'capacity' }, wakeAt: instant(t0 + 60_000) });
  await errand.advance(59_999);
  expect(creates).toBe(1);
  errand.fail = undefined;
  await errand.advance(1);
  expect((await errand.run(run.id)).state).toBe('starting');
});

test('a run waits for a place with room no longer than it may', async () => {
  const errand = await startErrand();
  await errand.push({ taskName: 'Short', timeouts: { queueSeconds: 90 } });
  errand.fail = (call) => {
    if (call === 'driver.create') throw new NoCapacity('the region is full', { retryAfterMs: 3_600_000 });
  };
  const run = await errand.ask('Short');
  await errand.advance(90_000);
  expect(await errand.run(run.id)).toMatchObject({ state: 'expired', reason: 'queueTimeout' });
});

test('what a task left that cannot be removed holds up nobody, and is removed once it can be', async () => {
  const errand = await startErrand();
  await errand.push({ taskName: 'Single', concurrency: { limit: 1 } });
  const webhook = { url: 'https://example.com/hook', format: 'slack' as const };
  const run = await errand.ask('Single', { webhook });
  const next = await errand.ask('Single');
  errand.fail = (call, args) => {
    if (call === 'exchange.discard' && args.length === 0)
      throw new ErrandError('artifactsUnavailable', 'What a task left cannot be removed');
  };
  await errand.runToEnd(run.id);
  expect(await errand.run(next.id)).toMatchObject({ state: 'starting' });
  expect(errand.receivers.sent).toHaveLength(1);
  errand.calls.length = 0;
  await errand.advance(24 * 3_600_000);
  expect(await errand.run(run.id)).toMatchObject({ state: 'succeeded', slots: [], open: true });
  expect(errand.calls.filter((call) => call === 'exchange.discard').length).toBeLessThan(70);
  expect(errand.logged.join('\n')).toContain('could not be removed');
  errand.fail = undefined;
  await errand.advance(3_600_000);
  const { open, attempts } = await errand.run(run.id);
  expect([open, attempts[0]?.clearAt]).toEqual([false, undefined]);
});

test('a storage that fails is logged, and the run is looked at again', async () => {
  const errand = await startErrand();
  const run = await errand.ask('Demo');
  errand.platform.boot(await errand.container(run.id));
  let failures = 3;
  errand.fail = (call) => {
    if (call === 'storage.getRun' && (failures -= 1) >= 0) throw new Error('the disk is gone');
  };
  errand.platform.tell(run.id);
  await errand.settle();
  expect(errand.logged.join('\n')).toContain('could not look at a run');
  await errand.advance(16_000);
  expect((await errand.run(run.id)).state).toBe('running');
});

describe('a process that is started again', () => {
  /** Seconds until the second process has created so many containers. */
  async function secondsUntilCreated(errand: Errand, containers: number): Promise<number> {
    const second = orchestrator((await errand.start()).context);
    await second.start();
    await errand.settle();
    let seconds = 0;
    for (; seconds < 90 && errand.platform.creates.length < containers; seconds += 1) await errand.advance(1000);
    await second.close();
    return seconds;
  }

  test('takes the wake-ups up that died with the one before', async () => {
    const errand = await startErrand();
    const retry = {
      maxAttempts: 2,
      on: ['exitCode' as const],
      backoff: { initialSeconds: 10, factor: 1, maxSeconds: 10 },
    };
    await errand.push({ taskName: 'Again', retry });
    const { id } = await errand.ask('Again');
    expect(await errand.runToEnd(id, 1)).toMatchObject({ state: 'queued', retryAt: instant(t0 + 7_500) });
    errand.process.kill();
    expect(await secondsUntilCreated(errand, 2)).toBeLessThan(10);
  });

  test('waits no longer than the lease of a create that was cut off', async () => {
    const errand = await startErrand();
    errand.fail = (call) => {
      if (call === 'exchange.open') errand.process.kill();
    };
    void errand.orchestrator.accept(request('Demo'), { principal: 'ann' });
    await errand.process.killed;
    await errand.settle();
    errand.fail = undefined;
    expect(await secondsUntilCreated(errand, 1)).toBeLessThan(20);
  });
});

test('in one process a run is worked on once at a time, whoever has it looked at', async () => {
  const errand = await startErrand();
  const { id, wakeId } = await errand.ask('Demo');
  const { context } = errand.process;
  let working = 0;
  let most = 0;
  const getRun: typeof context.storage.getRun = async (...args) => {
    working += 1;
    most = Math.max(most, working);
    await sleep(5);
    working -= 1;
    return context.storage.getRun(...args);
  };
  const { look, onWakeUp, reconcile, close } = looker({ ...context, storage: { ...context.storage, getRun } });
  await Promise.all([look(id), onWakeUp({ runId: id, wakeId }), onWakeUp({ runId: id, wakeId }), reconcile(id)]);
  await close();
  expect(most).toBe(1);
});

test('looks that fail do not multiply, however often somebody else has the run looked at', async () => {
  const errand = await startErrand();
  const run = await errand.ask('Demo');
  errand.platform.boot(await errand.container(run.id));
  errand.fail = (call) => {
    if (call === 'exchange.fence') throw new Error('the disk is gone');
  };
  errand.platform.tell(run.id);
  await errand.advance(10 * 60_000);
  errand.calls.length = 0;
  await errand.advance(60_000);
  // Every five seconds, and by the sweep and the work queue once a minute each.
  expect(errand.calls.filter((call) => call === 'exchange.fence').length).toBeLessThan(20);
});

test('a container of others under our name is left alone, and the run says so', async () => {
  const errand = await startErrand();
  const first = await errand.ask('Demo');
  const spec = errand.platform.containers.get(await errand.container(first.id))?.spec;
  if (spec === undefined) throw new Error('no container to copy');
  errand.fail = (call, args) => {
    if (call !== 'driver.create') return;
    const { name } = args[0] as { name: string };
    errand.platform.containers.set(name, {
      spec: { ...spec, name, instanceId: 'another' },
      state: 'running',
      exitCode: 0,
      createdAt: instant(t0),
      nonce: '',
      atWork: false,
    });
  };
  const run = await errand.ask('Demo');
  await errand.advance(400_000);
  const name = await errand.container(run.id);
  expect(await errand.run(run.id)).toMatchObject({ state: 'failed', reason: 'nameConflict', open: false });
  expect(errand.platform.containers.get(name)?.spec.instanceId).toBe('another');
});

test('a process that was stalled while it gave slots back takes none from the next attempt', async () => {
  const errand = await startErrand();
  await errand.push({
    taskName: 'Single',
    concurrency: { limit: 1 },
    retry: { maxAttempts: 2, on: ['exitCode'], backoff: { initialSeconds: 5 } },
  });
  const run = await errand.ask('Single');
  errand.platform.boot(await errand.container(run.id));
  errand.platform.tell(run.id);
  await errand.settle();

  const { context } = await errand.start();
  const gate = Promise.withResolvers<void>();
  const storage: typeof context.storage = {
    ...context.storage,
    releaseSlot: async (...given) => {
      await gate.promise;
      return context.storage.releaseSlot(...given);
    },
  };
  errand.platform.finish(await errand.container(run.id), 1);
  const stalled = reconciler({ ...context, storage }, { create: (_, work) => work(), wake: () => undefined });
  const work = stalled.reconcile(run.id);
  await errand.settle();
  await errand.advance(40_000);
  expect((await errand.run(run.id)).attempts).toHaveLength(2);

  gate.resolve();
  await work;
  expect(await context.storage.slotQueue('task:Single')).toMatchObject([{ holder: `${run.id}.2`, held: true }]);
  expect(await errand.ask('Single')).toMatchObject({ state: 'queued', waiting: { reason: 'concurrency' } });
});

test('who waits for a slot is woken before the record says that it was given back', async () => {
  const errand = await startErrand();
  await errand.push({ taskName: 'Single', concurrency: { limit: 1 } });
  const run = await errand.ask('Single');
  const waiter = await errand.ask('Single');
  errand.platform.boot(await errand.container(run.id));
  errand.platform.tell(run.id);
  await errand.settle();
  await errand.orchestrator.close();
  errand.platform.finish(await errand.container(run.id), 0);

  const { context } = await errand.start();
  let released = false;
  const storage: typeof context.storage = {
    ...context.storage,
    releaseSlot: async (...given) => {
      released = true;
      return context.storage.releaseSlot(...given);
    },
    updateRun: async (...given) => {
      if (released) throw new Error('ended here');
      return context.storage.updateRun(...given);
    },
  };
  const woken: string[] = [];
  const { reconcile } = reconciler(
    { ...context, storage },
    { create: (_, work) => work(), wake: (id) => woken.push(id) },
  );
  await expect(reconcile(run.id)).rejects.toThrow('ended here');
  expect(woken).toEqual([waiter.id]);
});

test('closing cuts off a create that hangs', async () => {
  const errand = await startErrand();
  errand.platform.next = 'slow';
  const run = await errand.ask('Demo');
  const closing = errand.orchestrator.close();
  await errand.settle();
  expect(await Promise.race([closing, Promise.resolve('still open')])).toBe('still open');
  await errand.advance(6_000);
  await closing;
  expect((await errand.run(run.id)).state).toBe('starting');
});

test('each end is told once, whoever brought it about', async () => {
  const errand = await startErrand();
  await errand.push({ taskName: 'Single', concurrency: { limit: 1 } });
  const ends: string[] = [];
  errand.orchestrator.onEnd(({ id, state }) => ends.push(`${id} ${state}`));
  const first = await errand.ask('Single');
  const second = await errand.ask('Single');
  await errand.orchestrator.cancel(second.id, 'ann');
  await errand.orchestrator.cancel(second.id, 'ann');
  await errand.runToEnd(first.id);
  await errand.advance(60_000);
  expect(ends).toEqual([`${second.id} canceled`, `${first.id} succeeded`]);
});
