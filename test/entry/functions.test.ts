import { afterAll, beforeAll, expect, test } from 'vitest';

import { createClient, type Client } from '../../src/client/client.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Storage } from '../../src/core/ports/storage.ts';
import { blobCreatedMessage } from '../../src/entry/local-azure/blob-created.ts';
import { encodeWakeUp } from '../../src/queues/azure-queue-message.ts';
import { azureTablesStorage } from '../../src/storage/azure-tables.ts';
import { call } from '../e2e/door.ts';
import { functionsHarness, type FunctionsHarness } from '../support/functions-host.ts';

let harness: FunctionsHarness;
let client: Client;
/** The app's own, seen from outside. */
let storage: Storage;
const hostKey = 'key-of-the-host';

beforeAll(async () => {
  harness = await functionsHarness({ key: hostKey, settings: { ERRAND_AUTH_LEVEL: 'function' } });
  client = createClient({ url: harness.url, apiKey: hostKey });
  storage = azureTablesStorage({
    connection: { connectionString: harness.azurite.connectionString },
    clock: systemClock,
  });
});
afterAll(() => harness.close());

const withKey = (path: string) => call(harness.url, path, { headers: { 'x-functions-key': hostKey } });

test('the host is told which functions there are, and of nothing that they need before they are called', () => {
  const shown = harness.host.functions.map(({ name, bindings }) => [
    name,
    Object.values(bindings).map(({ type, authLevel, queueName, schedule }) => ({
      type,
      authLevel,
      queueName,
      schedule,
    }))[0],
  ]);
  expect(Object.fromEntries(shown)).toEqual({
    api: { type: 'httpTrigger', authLevel: 'function' },
    work: { type: 'queueTrigger', queueName: 'errand-work' },
    sweep: { type: 'timerTrigger', schedule: '0 0 * * * *' },
    dashboard: { type: 'httpTrigger', authLevel: 'anonymous' },
    dashboardAssets: { type: 'httpTrigger', authLevel: 'anonymous' },
    dashboardRuns: { type: 'httpTrigger', authLevel: 'anonymous' },
    dashboardSchedules: { type: 'httpTrigger', authLevel: 'anonymous' },
    dashboardTasks: { type: 'httpTrigger', authLevel: 'anonymous' },
  });
});

test("the host's key is for the host: with it a caller is let in, and the app never sees it", async () => {
  expect((await call(harness.url, '/healthz')).status).toBe(401);
  expect((await withKey('/healthz')).json).toEqual({ status: 'ok' });
  const byQuery = await call(harness.url, `/api/runs?limit=1&code=${hostKey}`);
  expect([byQuery.status, byQuery.json]).toEqual([200, { runs: [] }]);
  expect((await withKey('/api/runs?limit=0')).status).toBe(422);
});

test('the dashboard is open to all, and leads nowhere else', async () => {
  for (const path of ['/', '/runs', '/runs/01m4rk0000000000000000000a', '/tasks/Quick', '/assets/no-such.js']) {
    const { status, headers } = await call(harness.url, path);
    // Whether it has been built is not what this is about: it is not kept behind the key.
    expect([path, status]).toEqual([path, expect.toBeOneOf([200, 404])]);
    expect(headers.get('x-frame-options')).toBe('DENY');
  }
  for (const path of ['/api/runs', '/metrics', '/runs/../api/runs', '/tasks/%2e%2e/api/tasks'])
    expect((await call(harness.url, path)).status).toBe(401);
});

test('a run is started by the request itself, and ended by the event of its result', async () => {
  await pushAs('Quick', 'echo done');
  const accepted = await client.run({ taskName: 'Quick' });
  expect(accepted.requestedBy).toBe('function-key');
  // The first step is part of the answer: nothing is left for a background that there may not be.
  expect((await client.get(accepted.id)).attempts).toEqual([
    expect.objectContaining({ number: 1, createdAt: expect.any(String) }),
  ]);
  const ended = await client.wait(accepted.id);
  expect(ended.state).toBe('succeeded');
  // The first wake-up would have come after 15 s.
  expect(Date.parse(ended.endedAt ?? '') - Date.parse(ended.createdAt)).toBeLessThan(12_000);
});

test('a plan quotes the run, its record has the receipt, and a limit of cost becomes one of time', async () => {
  await pushAs('Paid', 'sleep 1');
  expect((await client.plan({ taskName: 'Paid' })).cost).toMatchObject({ currency: 'USD', perMinute: 0.0009 });
  const { id, definition } = await client.run({ taskName: 'Paid', maxCost: 0.005 });
  // 0.005 / 0.000015 = 333 s, of which 240 are to start and 30 are grace.
  expect(definition.timeouts.runSeconds).toBe(63);
  const { cost } = await client.wait(id);
  expect(cost).toMatchObject({ currency: 'USD', prices: { asOf: expect.any(String) } });
  expect(cost?.cpuSeconds).toBeGreaterThanOrEqual(1);
  expect(cost?.amount).toBeCloseTo((cost?.cpuSeconds ?? 0) * 0.000015, 6);
});

test('a log is streamed while it grows', async () => {
  await pushAs('Ticks', 'for i in 1 2 3; do echo $i; sleep 1; done');
  const { id } = await client.run({ taskName: 'Ticks' });
  const response = await fetch(`${harness.url}/api/runs/${id}/logs?follow`, {
    headers: { 'x-functions-key': hostKey },
  });
  const arrivals: number[] = [];
  for await (const _ of response.body ?? []) arrivals.push(performance.now());
  expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(500);
});

test('a message that nobody can work on is tried five times and put aside', async () => {
  await harness.queue.send(Buffer.from('{"neither":"nor"}').toString('base64'), 0, {});
  await expect.poll(() => harness.poison.count({}), { timeout: 20_000 }).toBe(1);
  await expect.poll(() => harness.queue.peek(32, {})).toEqual([]);
  expect(Buffer.from((await harness.poison.peek(1, {}))[0] ?? '', 'base64').toString()).toBe('{"neither":"nor"}');
});

test('wake-ups and events of runs that there are not are dropped', async () => {
  const runId = '01arz3ndektsv4rrffq69g5fav';
  await harness.queue.send(encodeWakeUp({ runId, wakeId: 'w' }, 0), 0, {});
  await harness.queue.send(
    blobCreatedMessage(`/blobServices/default/containers/errand/blobs/exchanges/${runId}/1/result.json`, Date.now()),
    0,
    {},
  );
  await expect.poll(() => harness.queue.peek(32, {}), { timeout: 10_000 }).toEqual([]);
  expect(await harness.poison.count({})).toBe(1);
});

test('wake-ups that are not due yet are hidden again', async () => {
  const at = Date.now() + 3_600_000;
  // More than the runs before this can have left, whose messages go one by one meanwhile.
  const many = 50;
  for (let wake = 0; wake < many; wake += 1)
    await harness.queue.send(encodeWakeUp({ runId: 'x', wakeId: `w${wake}` }, at), 0, {});
  await expect.poll(() => harness.queue.peek(32, {}), { timeout: 10_000 }).toEqual([]);
  // Still there, though nobody sees them.
  expect(await harness.queue.count({})).toBeGreaterThanOrEqual(many);
});

test('the timer sweeps, and sweeps follow by messages as long as runs are open', async () => {
  const sweeps = () => storage.slotQueue('sweep');
  await expect.poll(() => storage.openRuns({ limit: 9 }), { timeout: 20_000 }).toEqual([]);
  // The chain that the runs before this have started ends with its next message, for none is open any more.
  const [chain] = await sweeps();
  await harness.queue.send(encodeWakeUp({ runId: chain?.holder ?? '', wakeId: 'sweep' }, 0), 0, {});
  await expect.poll(sweeps, { timeout: 10_000 }).toEqual([]);
  await harness.host.runTimer('sweep');
  expect(await sweeps()).toEqual([]);

  await pushAs('Long', 'exec sleep 60');
  const { id } = await client.run({ taskName: 'Long' });
  const [fresh, ...more] = await sweeps();
  expect(more).toEqual([]);
  await harness.host.runTimer('sweep');
  expect(await sweeps()).toEqual([fresh]);
  await client.cancel(id);
  expect(await client.wait(id)).toMatchObject({ state: 'canceled' });
});

test('a schedule is fired by its message, and sweeps follow as long as its run is open', async () => {
  await pushAs('Planned', 'exec sleep 60');
  await expect.poll(() => storage.openRuns({ limit: 9 }), { timeout: 20_000 }).toEqual([]);
  const [chain] = await storage.slotQueue('sweep');
  await harness.queue.send(encodeWakeUp({ runId: chain?.holder ?? '', wakeId: 'sweep' }, 0), 0, {});
  await expect.poll(() => storage.slotQueue('sweep'), { timeout: 20_000 }).toEqual([]);

  await client.putSchedule('planned', { taskName: 'Planned', cron: '* * * * * *' });
  const firings = async () => (await client.schedule('planned')).firings;
  await expect.poll(firings, { timeout: 60_000 }).toContainEqual(expect.objectContaining({ outcome: 'skipped' }));
  await client.removeSchedule('planned');
  const { runs } = await client.list({ labels: { schedule: 'planned' } });
  expect(runs).toHaveLength(1);
  expect(await storage.slotQueue('sweep')).toHaveLength(1);
  await client.cancel(runs[0]?.id ?? '');
  expect(await client.wait(runs[0]?.id ?? '')).toMatchObject({ state: 'canceled' });
});

test('a schedule whose message was lost is found by the timer', async () => {
  await pushAs('Found', 'true');
  const { etag } = await client.putSchedule('found', { taskName: 'Found', cron: '0 0 1 1 *' });
  const planned = await storage.getSchedule('found');
  if (planned === undefined) throw new Error('the schedule is not there');
  const nextAt = new Date(Date.now() - 60_000).toISOString();
  await storage.updateSchedule({ ...planned, version: planned.version + 1, nextAt, wakeAt: nextAt });
  await harness.host.runTimer('sweep');
  const found = await client.schedule('found');
  expect(found).toMatchObject({ etag, firings: [{ plannedAt: nextAt, outcome: 'started' }] });
  expect(await client.wait(found.firings[0]?.runId ?? '')).toMatchObject({ state: 'succeeded' });
});

async function pushAs(taskName: string, script: string): Promise<void> {
  const document = { taskName, dockerImage: 'busybox', scriptName: `${taskName}.sh` };
  await client.push(taskName, document, { executable: new Blob([`#!/bin/sh\n${script}\n`]) });
}
