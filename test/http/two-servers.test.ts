import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createClient } from '../../src/client/client.ts';
import { call, pushScript } from '../e2e/door.ts';
import { serverHarness } from './support/server-harness.ts';
import { spawnServer, type SpawnedServer } from './support/spawn-server.ts';

describe('two server processes on one storage', () => {
  let directory: string;
  let servers: SpawnedServer[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-two-'));
    // One after the other: the first makes the storage.
    servers = [await spawnServer(directory), await spawnServer(directory)];
  });
  afterAll(async () => {
    for (const server of servers) server.process.kill('SIGTERM');
    await Promise.all(servers.map(({ ended }) => ended));
    await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

  test('a hundred requests at once with one key are one run, started once', async () => {
    const marks = join(directory, 'starts');
    const [first, second] = servers.map(({ url }) => url) as [string, string];
    await pushScript(first, 'Once', 'echo "$ERRAND_RUN_ID" >>"$Marks"', {
      scriptParameters: [{ parameterName: 'Marks', parameterType: 'string', required: true }],
    });
    const body = { taskName: 'Once', parameters: [{ name: 'Marks', value: marks }] };
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        call(index % 2 === 0 ? first : second, '/api/runs', {
          method: 'POST',
          body,
          headers: { 'Idempotency-Key': 'the-one' },
        }),
      ),
    );
    expect([...new Set(answers.map(({ status }) => status))]).toEqual([202]);
    const ids = new Set(answers.map(({ json }) => (json as { id: string }).id));
    expect(ids.size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
    const [id = ''] = ids;
    const client = createClient({ url: second });
    expect(await client.wait(id)).toMatchObject({ state: 'succeeded', attempts: [{ number: 1 }] });
    expect(await readFile(marks, 'utf8')).toBe(`${id}\n`);
    expect((await client.list({ task: 'Once' })).runs).toHaveLength(1);
  });

  test('what one does is seen through the other while it happens', async () => {
    const [first, second] = servers.map(({ url }) => createClient({ url })) as [
      ReturnType<typeof createClient>,
      ReturnType<typeof createClient>,
    ];
    await first.push(
      'Tell',
      { taskName: 'Tell', dockerImage: 'busybox', scriptName: 'Tell.sh' },
      { executable: new Blob(['#!/bin/sh\necho a; sleep 1; echo b\n']) },
    );
    const { id } = await first.run({ taskName: 'Tell' });
    let text = '';
    for await (const chunk of second.logs(id)) text += chunk.text;
    expect(text).toBe('a\nb\n');
  });
});

test('it is one run also while the first request has its key and not yet its record', async () => {
  const { client, url, dispose } = await serverHarness({
    decorate: (context) => ({
      ...context,
      storage: {
        ...context.storage,
        createRun: async (run, options) => {
          await sleep(200);
          return context.storage.createRun(run, options);
        },
      },
    }),
  });
  await pushScript(url, 'Once', 'true');
  const post = () =>
    call(url, '/api/runs', { method: 'POST', body: { taskName: 'Once' }, headers: { 'Idempotency-Key': 'the-one' } });
  const answers = await Promise.all(Array.from({ length: 20 }, post));
  expect(new Set(answers.map(({ status, json }) => `${status} ${(json as { id: string }).id}`)).size).toBe(1);
  expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
  expect((await client.list({ task: 'Once' })).runs).toHaveLength(1);
  await dispose();
});
