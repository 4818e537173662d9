import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { pushScript, serverHarness } from '../http/support/server-harness.ts';
import { overHttp, overStdio, textOf, type Session } from './support/mcp-client.ts';

const patience = { timeout: 20_000, interval: 50 };
const scriptParameters = [{ parameterName: 'Gate', parameterType: 'string', required: true }];

test('a server that restarts in the middle: both sessions go on, and each call stays with its run', async () => {
  const gates = await mkdtemp(join(tmpdir(), 'errand-gates-'));
  const first = await serverHarness();
  await pushScript(first.client, 'Gated', 'while [ ! -e "$Gate" ]; do sleep 0.05; done; echo done', {
    scriptParameters,
    // It ends by itself where this test could not end it.
    timeouts: { runSeconds: 120 },
  });
  const web = await overHttp({ url: first.url });
  const pipe = await overStdio({ url: first.url });
  let running = first;
  try {
    const begin = (session: Session, name: string) => session.call('Gated', { Gate: join(gates, name) });
    const overWeb = begin(web, 'web');
    const overPipe = begin(pipe, 'pipe');
    await expect.poll(async () => (await first.client.list({ states: ['running'] })).runs.length, patience).toBe(2);

    await first.stop();
    const told = await overWeb;
    const id = String(told.structuredContent?.['id']);
    expect([told.isError, textOf(told)]).toEqual([false, expect.stringContaining(`wait_for_run with {"id": "${id}"}`)]);

    const port = Number(new URL(first.url).port);
    running = await serverHarness({ directory: first.directory, server: { port } });
    await Promise.all(['web', 'pipe'].map((name) => writeFile(join(gates, name), '')));
    expect((await web.call('wait_for_run', { id })).structuredContent).toMatchObject({ id, state: 'succeeded' });
    expect((await overPipe).structuredContent).toMatchObject({ state: 'succeeded', logTail: 'done\n' });
    expect((await running.client.list()).runs).toHaveLength(2);
  } finally {
    await web.close();
    await pipe.close();
    await running.dispose();
    await rm(gates, { recursive: true, force: true });
  }
});
