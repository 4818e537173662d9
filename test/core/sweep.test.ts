import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, test } from 'vitest';
import { instant } from '../../src/core/clock.ts';
import { sweep, type Wake } from '../../src/core/sweep.ts';
import { startErrand, type Errand } from './support/errand.ts';
import { ended, ourFence, queued, t0 } from './support/records.ts';

const nothing = { woken: 0, wokenSchedules: 0, removedContainers: 0, freedSlots: 0, deletedRuns: 0, deletedFiles: 0 };
const day = 86_400_000;

const idAt = (ms: number) => ulid(ms).toLowerCase();

const wake = (run: Wake['run'] = () => undefined): Wake => ({ run, schedule: async () => undefined });

async function swept(errand: Errand) {
  const woken: string[] = [];
  const report = await sweep(
    errand.process.context,
    wake((id) => woken.push(id)),
  );
  return { report, woken };
}

/** A container that the platform has and that nobody here has asked for. */
function stray(
  errand: Errand,
  runId: string,
  { createdAt = t0, instanceId = errand.process.context.instanceId } = {},
): string {
  const name = `errand-${runId}-1`;
  const { process } = errand;
  const access = { kind: 'directory' as const, exchange: '/nowhere', executable: '/nowhere' };
  const { container, resources } = queued().definition;
  const spec = {
    name,
    runId,
    attempt: 1,
    taskName: 'Demo',
    place: 'local',
    instanceId,
    image: 'demo',
    resources,
    container,
    identity: undefined,
    access,
    graceSeconds: 1,
  };
  errand.platform.containers.set(name, {
    spec,
    state: 'exited',
    exitCode: 0,
    createdAt: instant(createdAt),
    nonce: process.context.owner,
    atWork: false,
  });
  return name;
}

test('where everything is looked after there is nothing to do', async () => {
  const errand = await startErrand();
  await errand.ask('Demo');
  expect((await swept(errand)).report).toEqual(nothing);
});

test('runs whose wake-up is overdue are woken, others are left asleep', async () => {
  const errand = await startErrand();
  const { storage, policy } = errand.process.context;
  const late = queued({ id: idAt(t0), wakeAt: instant(t0 - policy.leaseMs - 1) });
  const soon = queued({ id: idAt(t0 + 1), wakeAt: instant(t0 - policy.leaseMs + 1000) });
  const closed = ended({ id: idAt(t0 + 2), wakeAt: instant(t0 - day), open: false });
  for (const run of [late, soon, closed]) await storage.createRun(run);
  expect(await swept(errand)).toEqual({ report: { ...nothing, woken: 1 }, woken: [late.id] });
});

describe('containers', () => {
  test('of no run go once they are older than any create takes; those of others stay', async () => {
    const errand = await startErrand();
    const old = stray(errand, idAt(t0));
    const foreign = stray(errand, idAt(t0 + 1), { instanceId: 'another' });
    const young = stray(errand, idAt(t0 + 2), { createdAt: t0 + 200_000 });
    await errand.clock.advance(300_000);
    expect((await swept(errand)).report).toEqual({ ...nothing, removedContainers: 1 });
    expect([...errand.platform.containers.keys()]).toEqual([foreign, young]);
    expect(old).not.toBe(young);
  });

  test('that appear after their attempt was cleaned up go; those of an open run stay', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo');
    const done = await errand.ask('Demo');
    await errand.runToEnd(done.id);
    await errand.advance(1000);
    const late = stray(errand, done.id);
    await errand.clock.advance(400_000);
    expect(await swept(errand)).toMatchObject({ report: { removedContainers: 1 } });
    expect(errand.platform.containers.has(late)).toBe(false);
    expect(errand.platform.containers.has(await errand.container(run.id))).toBe(true);
  });
});

test('places in a queue that nobody is behind are freed, and who is next is woken', async () => {
  const errand = await startErrand();
  const waiter = await errand.ask('Demo');
  // Its own sweeps would be faster.
  errand.process.kill();
  const { context } = await errand.start();
  const { storage } = context;
  const take = (holder: string, at: number) => storage.takeSlot({ key: 'task:T', holder, limit: 1, at: instant(at) });
  await take('nobody.1', t0);
  const id = idAt(t0);
  await storage.createRun(queued({ id, slots: [{ key: 'task:T', limit: 1 }], wakeAt: instant(t0 + day) }));
  await take(`${id}.1`, t0);
  // What the run was before it gave its slots back.
  await take(`${id}.0`, t0);
  await errand.clock.advance(200_000);
  await take('young.1', errand.clock.now());
  await errand.clock.advance(101_000);
  const woken: string[] = [];
  const report = await sweep(
    context,
    wake((each) => woken.push(each)),
  );
  // Of the three that no stored run is behind, one is too young to be judged.
  expect(report.freedSlots).toBe(2);
  expect(woken.toSorted()).toEqual([waiter.id, id].toSorted());
  expect((await storage.slotQueue('task:T')).map(({ holder }) => holder).toSorted()).toEqual(
    [`${id}.1`, 'young.1'].toSorted(),
  );
  expect((await storage.slotQueue('platform:scripted')).map(({ holder }) => holder)).toEqual([`${waiter.id}.1`]);
});

test('records past their time go with their files and keys', async () => {
  const errand = await startErrand();
  const { storage, policy } = errand.process.context;
  const run = await errand.ask('Demo', { key: 'k' });
  await errand.runToEnd(run.id);
  const files = join(errand.directory, 'artifacts/runs', run.id);
  expect(existsSync(files)).toBe(true);
  await errand.clock.advance(policy.keepRecordsMs - 1000);
  expect((await swept(errand)).report.deletedRuns).toBe(0);
  await errand.clock.advance(2000);
  expect((await swept(errand)).report.deletedRuns).toBe(1);
  expect(await storage.getRun(run.id)).toBeUndefined();
  expect(existsSync(files)).toBe(false);
  expect((await errand.ask('Demo', { key: 'k' })).id).not.toBe(run.id);
});

test('a record that cannot be deleted keeps no younger one from it', async () => {
  const errand = await startErrand();
  const { storage, policy } = errand.process.context;
  const [stuck, ...others] = [3, 2, 1].map((days) => idAt(t0 - policy.keepRecordsMs - days * day));
  for (const id of [stuck ?? '', ...others]) {
    const endedAt = instant(t0 - policy.keepRecordsMs - (id === stuck ? 2 * day : day));
    await storage.createRun(ended({ id, endedAt, open: false }));
  }
  errand.fail = (call, args) => {
    if (call === 'artifacts.deleteRun' && args[0] === stuck) throw new Error('it is held by a policy');
  };
  expect((await swept(errand)).report).toEqual({ ...nothing, deletedRuns: 2 });
  expect(errand.logged.join('\n')).toContain('could not be deleted');
  errand.fail = undefined;
  expect((await swept(errand)).report).toEqual({ ...nothing, deletedRuns: 1 });
});

test('files of no run go when its record would; of younger runs no record is read', async () => {
  const errand = await startErrand();
  const { artifacts, policy } = errand.process.context;
  const fence = ourFence({ kind: 'canceled' });
  const [old, young] = [idAt(t0), idAt(t0 + 200_000)];
  for (const runId of [young, old]) await artifacts.exchange({ runId, attempt: 1 }).takeFence(fence);
  await errand.clock.advance(policy.keepRecordsMs);
  const read = new Set<unknown>();
  errand.fail = (call, [id]) => {
    if (call === 'storage.getRun') read.add(id);
  };
  expect((await swept(errand)).report).toEqual({ ...nothing, deletedFiles: 1 });
  expect(read).toEqual(new Set([old]));
  const left: string[] = [];
  for await (const id of artifacts.listRuns()) left.push(id);
  expect(left).toEqual([young]);
});

test('a part that fails is logged and keeps no other from its work', async () => {
  const errand = await startErrand();
  const { storage, artifacts, policy } = errand.process.context;
  await storage.takeSlot({ key: 'task:T', holder: 'nobody', limit: 1, at: instant(t0 - day) });
  const old = idAt(t0 - policy.keepRecordsMs - day);
  await artifacts.exchange({ runId: old, attempt: 1 }).takeFence(ourFence({ kind: 'canceled' }));
  errand.platform.reachable = false;
  errand.fail = (call) => {
    if (call === 'storage.openRuns' || call === 'storage.endedRuns') throw new Error('the disk is gone');
  };
  expect((await swept(errand)).report).toEqual({ ...nothing, freedSlots: 1, deletedFiles: 1 });
  expect(errand.logged.filter((line) => line.includes('a part of the sweep failed'))).toHaveLength(3);
  errand.fail = undefined;
});

test('stops between two parts when it is asked to', async () => {
  const errand = await startErrand();
  errand.calls.length = 0;
  await sweep(errand.process.context, wake(), AbortSignal.abort());
  expect(errand.calls).toEqual([]);
});
