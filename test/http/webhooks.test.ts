import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { createClient } from '../../src/client/client.ts';
import { call, pushScript } from '../e2e/door.ts';
import { receiver } from '../webhooks/support/receivers.ts';
import { serverHarness } from './support/server-harness.ts';
import { spawnServer } from './support/spawn-server.ts';

test('a server that is killed while it tells delivers again after its restart, under the same id', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'errand-webhooks-'));
  const hooks = await receiver();
  const options = {
    env: { ERRAND_WEBHOOK_ALLOW_INTERNAL: `127.0.0.1:${hooks.port}` },
    policy: { sendingMs: 8_000, sweepEveryMs: 1_000, leaseMs: 1_000 },
  };
  let server = await spawnServer(directory, options);
  await pushScript(server.url, 'Told', 'true');
  // The message has come, and its answer never goes: the end of the run is written, that it was told of is not.
  hooks.answer = () => void server.process.kill('SIGKILL');
  const { id } = await createClient({ url: server.url }).run({
    taskName: 'Told',
    webhook: { url: `http://127.0.0.1:${hooks.port}/`, format: 'original' },
  });
  expect((await server.ended)[1]).toBe('SIGKILL');
  expect(hooks.received).toHaveLength(1);
  hooks.answer = undefined;

  server = await spawnServer(directory, options);
  const client = createClient({ url: server.url });
  expect((await client.wait(id)).webhooks).toMatchObject([{ state: 'pending', attempts: 1 }]);
  // It is left for a while to whoever was sending it; the sweep finds it when that is over.
  await expect.poll(() => hooks.received.length, { timeout: 60_000, interval: 100 }).toBe(2);
  await expect.poll(async () => (await client.get(id)).webhooks?.[0]?.state, { timeout: 20_000 }).toBe('delivered');
  expect(hooks.received.map(({ headers }) => headers['webhook-id'])).toEqual([`msg_${id}_1`, `msg_${id}_1`]);

  server.process.kill('SIGTERM');
  await server.ended;
  await hooks.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

test('attempts are counted by format and outcome', async () => {
  const hooks = await receiver();
  const harness = await serverHarness({ env: { ERRAND_WEBHOOK_ALLOW_INTERNAL: '127.0.0.1' } });
  hooks.answer = (_, response) => response.writeHead(hooks.received.length === 1 ? 500 : 200).end();
  await pushScript(harness.url, 'Told', 'true');
  await harness.client.run({ taskName: 'Told', callbackUri: `http://127.0.0.1:${hooks.port}/` });
  const metrics = async (): Promise<string[]> =>
    (await call(harness.url, '/metrics')).text
      .split('\n')
      .filter((line) => line.startsWith('errand_webhook'))
      .toSorted();
  await expect
    .poll(metrics, { timeout: 60_000, interval: 200 })
    .toEqual([
      'errand_webhook_attempts_total{format="original",outcome="delivered"} 1',
      'errand_webhook_attempts_total{format="original",outcome="failed"} 1',
    ]);
  await harness.dispose();
  await hooks.close();
});
