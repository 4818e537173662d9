import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createClient } from '../../src/client/client.ts';
import type { RunView } from '../../src/contract/run.ts';
import { scopes } from '../../src/contract/routes.ts';
import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { call, pushScript as pushTo, type Answer } from '../e2e/door.ts';
import { pushScript, serverHarness, type ServerHarness } from './support/server-harness.ts';
import { spawnServer } from './support/spawn-server.ts';

describe('a key that is for one task', () => {
  let harness: ServerHarness;
  const all = newApiKey({ name: 'all', scopes: [...scopes] });
  const one = newApiKey({ name: 'one', scopes: [...scopes], tasks: ['Mine'] });

  beforeAll(async () => {
    harness = await serverHarness({ app: { keys: apiKeys([all.entry, one.entry]) }, apiKey: all.key });
    for (const taskName of ['Mine', 'Theirs']) {
      await pushScript(harness.client, taskName, 'true');
      await harness.client.putSchedule(`of-${taskName}`, { taskName, cron: '@yearly' });
    }
  });
  afterAll(() => harness.dispose());

  const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
    call(harness.url, path, { method, headers: { Authorization: `Bearer ${one.key}` }, body });

  test('sees and changes the schedules of that task alone', async () => {
    const { json } = await ask('GET', '/api/schedules');
    expect((json as { schedules: { name: string }[] }).schedules.map(({ name }) => name)).toEqual(['of-Mine']);
    const answers = [
      await ask('GET', '/api/schedules/of-Theirs'),
      await ask('DELETE', '/api/schedules/of-Theirs'),
      await ask('POST', '/api/schedules/of-Theirs/pause'),
      await ask('POST', '/api/schedules/of-Theirs/resume'),
      await ask('PUT', '/api/schedules/new', { taskName: 'Theirs', cron: '@daily' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    expect((await ask('PUT', '/api/schedules/of-Theirs', { taskName: 'Mine', cron: '@daily' })).status).toBe(412);
    expect((await ask('PUT', '/api/schedules/of-Mine', { taskName: 'Theirs', cron: '@daily' })).status).toBe(404);
    expect((await harness.client.schedule('of-Theirs')).taskName).toBe('Theirs');
    const mine = await ask('PUT', '/api/schedules/of-Mine', { taskName: 'Mine', cron: '@daily' });
    expect([mine.status, mine.json]).toEqual([200, expect.objectContaining({ createdBy: 'all', updatedBy: 'one' })]);
  });
});

test('firings are counted, and their runs among those that were accepted', async () => {
  const harness = await serverHarness();
  await pushScript(harness.client, 'Tick', 'true');
  await harness.client.putSchedule('tick', { taskName: 'Tick', cron: '* * * * * *', overlap: 'allow' });
  const metric = async (name: string) =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await call(harness.url, '/metrics')).text)?.[1] ?? 0);
  const started = () => metric('errand_schedule_firings_total\\{outcome="started",reason=""\\}');
  await expect.poll(started, { timeout: 60_000 }).toBeGreaterThan(1);
  await harness.client.pauseSchedule('tick');
  const differ = async () => (await metric('errand_runs_accepted_total')) - (await started());
  await expect.poll(differ, { timeout: 20_000 }).toBe(0);
  await harness.dispose();
});

test('two servers that are killed again and again run each planned time at most once, and go on', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'errand-schedules-'));
  const servers = [await spawnServer(directory), await spawnServer(directory)];
  const client = () => createClient({ url: servers[0]?.url ?? '' });
  await pushTo(servers[0]?.url ?? '', 'Tick', 'true');
  await client().putSchedule('tick', { taskName: 'Tick', cron: '* * * * * *', overlap: 'allow' });
  const count = async () => (await client().list({ labels: { schedule: 'tick' }, limit: 200 })).runs.length;
  for (const victim of [0, 1, 0, 1]) {
    const before = await count();
    await expect.poll(count, { timeout: 60_000, interval: 50 }).toBeGreaterThan(before);
    servers[victim]?.process.kill('SIGKILL');
    await servers[victim]?.ended;
    servers[victim] = await spawnServer(directory);
  }
  const before = await count();
  await expect.poll(count, { timeout: 60_000 }).toBeGreaterThan(before);
  await client().pauseSchedule('tick');

  // First the firings: each is written after its run.
  const { firings } = await client().schedule('tick');
  const { runs } = await client().list({ labels: { schedule: 'tick' }, limit: 200 });
  const planned = runs.map(({ schedule }) => schedule?.plannedAt);
  expect(new Set(planned).size).toBe(planned.length);
  const byTime = new Map(runs.map((run): [string | undefined, RunView] => [run.schedule?.plannedAt, run]));
  for (const { plannedAt, runId, outcome } of firings)
    expect([plannedAt, outcome, runId]).toEqual([plannedAt, 'started', byTime.get(plannedAt)?.id]);
  const ended = await Promise.all(runs.map(({ id }) => client().wait(id)));
  expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['succeeded']));

  for (const server of servers) server.process.kill('SIGTERM');
  await Promise.all(servers.map((server) => server.ended));
  await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});
