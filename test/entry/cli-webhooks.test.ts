import { afterAll, beforeAll, expect, test } from 'vitest';

import { receiver, type Receiver } from '../webhooks/support/receivers.ts';
import { records, seen, taskFolder, testServer, type TestServer } from './support/cli.ts';

let server: TestServer;
let hooks: Receiver;

beforeAll(async () => {
  hooks = await receiver();
  server = await testServer(undefined, { ERRAND_WEBHOOK_ALLOW_INTERNAL: `127.0.0.1:${hooks.port}` });
  const pushed = await server.run(['push', await taskFolder(server.directory, 'Told', '#!/bin/sh\ntrue\n')]);
  if (pushed.code !== 0) throw new Error(pushed.stderr);
});

afterAll(async () => {
  await server.stop();
  await hooks.close();
});

test('a run is told of, one that was given up is shown, and told once more', async () => {
  const url = `http://127.0.0.1:${hooks.port}/`;
  hooks.answer = (_, response) => response.writeHead(410).end();
  const run = await server.run(['run', 'Told', '--wait', '--webhook', url, '--webhook-format', 'original']);
  expect(run.code).toBe(0);
  const state = async () => {
    const [shown] = records((await server.run(['show', 'last'])).stdout) as { webhooks?: { state: string }[] }[];
    return shown?.webhooks?.[0]?.state;
  };
  await expect.poll(state, { timeout: 60_000, interval: 500 }).toBe('dead');
  const terminal = server.terminal(['show', 'last']);
  await terminal.ended;
  expect(seen(terminal.output().stdout)).toMatch(
    /Webhooks\n +1 +http:\/\/127\.0\.0\.1:\d+ +original +dead 20\S+: the receiver answered 410.* errand webhooks redeliver \w{26} 1/,
  );
  hooks.answer = undefined;
  const again = await server.run(['webhooks', 'redeliver', 'last']);
  expect(records(again.stdout)).toMatchObject([{ webhooks: [{ number: 1 }] }]);
  await expect.poll(state, { timeout: 60_000, interval: 500 }).toBe('delivered');
  expect(hooks.received.map(({ body }) => body)).toEqual(['{"TaskStatus":true}', '{"TaskStatus":true}']);
  const refused = await server.run(['webhooks', 'redeliver', 'last', '1']);
  expect([refused.code, refused.stderr]).toEqual([120, expect.stringContaining('is delivered')]);
});

test('what is wrong says what, why and how to mend it', async () => {
  const refused = async (words: string[], text: string) => {
    const { code, stderr } = await server.run(words);
    expect([code, stderr]).toEqual([120, expect.stringContaining(text)]);
  };
  const hook = ['run', 'Told', '--webhook', 'https://example.test/'];
  await refused(hook, 'give it a secret, whsec_');
  await refused([...hook, '--webhook-format', 'slak'], 'did you mean slack?');
  await refused([...hook, '--webhook-secret-env', 'ABSENT'], 'there is no variable ABSENT here');
  await refused(['run', 'Told', '--webhook-format', 'slack'], 'Write --webhook');
  await refused(['run', 'Told', '--webhook', 'https://10.0.0.1/', '--webhook-format', 'slack'], 'is not public');
  await refused(['webhooks', 'redeliver', 'last', 'first'], 'no number of a webhook');
});
