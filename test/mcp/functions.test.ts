import type { Progress } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createClient, type Client } from '../../src/client/client.ts';
import { waitSecondsMeta } from '../../src/mcp/tool-server.ts';
import { pushScript } from '../e2e/door.ts';
import { functionsHarness, type FunctionsHarness } from '../support/functions-host.ts';
import { overHttp, textOf, type Session } from './support/mcp-client.ts';

const patience = { timeout: 30_000, interval: 100 };

let harness: FunctionsHarness;
let client: Client;
let session: Session;

beforeAll(async () => {
  harness = await functionsHarness();
  client = createClient({ url: harness.url });
  await pushScript(harness.url, 'Greet', 'echo "hello $Name"', {
    scriptParameters: [{ parameterName: 'Name', parameterType: 'string', required: true }],
  });
  await pushScript(harness.url, 'Sleep', 'echo begun; sleep 60', { hints: { readOnly: true } });
  session = await overHttp({ url: harness.url });
});
afterAll(async () => {
  await session.close();
  await harness.close();
});

test('the function app has the same tools', async () => {
  const { tools } = await session.client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['Greet', 'Sleep', 'get_run', 'list_runs', 'get_run_log', 'wait_for_run', 'cancel_run']),
  );
  const steps: Progress[] = [];
  const result = await session.call('Greet', { Name: 'Azure' }, { onprogress: (step) => steps.push(step) });
  expect([result.isError, textOf(result)]).toEqual([false, expect.stringContaining('hello Azure')]);
  expect(steps.length).toBeGreaterThan(0);
  expect(session.logs.map(({ text }) => text).join('')).toBe('hello Azure\n');
});

test('no call waits longer than a stream may last there', async () => {
  const result = await session.call('Greet', { Name: 'x' }, { meta: { [waitSecondsMeta]: 121 } });
  expect([result.isError, textOf(result)]).toEqual([true, expect.stringContaining('from 1 to 120')]);
});

test('a canceled call cancels its run', async () => {
  const stop = new AbortController();
  const call = session.call('Sleep', {}, { signal: stop.signal });
  const ended = call.then(
    () => 'an answer',
    (error: unknown) => String(error),
  );
  const isThere = async (): Promise<boolean> => {
    const [run] = (await client.list({ task: 'Sleep', states: ['running'] })).runs;
    return run !== undefined && (await (await client.log(run.id)).text()).includes('begun');
  };
  await expect.poll(isThere, patience).toBe(true);
  stop.abort('enough');
  expect(await ended).toContain('enough');
  const [run] = (await client.list({ task: 'Sleep' })).runs;
  expect(await client.wait(run?.id ?? '')).toMatchObject({ state: 'canceled' });
});
