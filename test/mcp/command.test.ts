import { tmpdir } from 'node:os';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { cli, records, startCli } from '../entry/support/cli.ts';
import { pushScript, serverHarness, type ServerHarness } from '../http/support/server-harness.ts';

const agent = newApiKey({ name: 'agent', scopes: ['tasks:read', 'runs:create', 'runs:read'], tasks: ['Echo'] });
const admin = newApiKey({ name: 'admin', scopes: ['tasks:write'] });
const cwd = tmpdir();

let harness: ServerHarness;
let env: Record<string, string>;
beforeAll(async () => {
  harness = await serverHarness({ app: { keys: apiKeys([agent.entry, admin.entry]) }, apiKey: admin.key });
  await pushScript(harness.client, 'Echo', 'exit 0', {
    scriptParameters: [{ parameterName: 'Value', parameterType: 'json' }],
  });
  env = { ERRAND_URL: harness.url, ERRAND_API_KEY: agent.key };
});
afterAll(() => harness.dispose());

test('whoami shows whose key this is, and what it may do', async () => {
  const { code, stdout } = await cli(['whoami'], { cwd, env });
  expect([code, records(stdout)]).toEqual([
    0,
    [{ name: 'agent', scopes: ['tasks:read', 'runs:create', 'runs:read'], tasks: ['Echo'] }],
  ]);
});

test.each(['0', '601', '1.5', 'long'])('mcp --wait %s is refused', async (wait) => {
  const { code, stdout, stderr } = await cli(['mcp', '--wait', wait], { cwd, env });
  expect([code, stdout, stderr]).toEqual([120, '', expect.stringContaining(`--wait ${wait} is no number of seconds`)]);
});

test('mcp takes lines, tells of each that is none, and ends with its standard input', async () => {
  const started = startCli(['mcp'], { cwd, env });
  const send = (line: string | object): void =>
    void started.child.stdin?.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
  const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize });
  await started.says('"id":1');
  send('this is no JSON');
  await started.says('could not be taken', 'stderr');
  const given = '{"__proto__":{"polluted":true},"Value":{"__proto__":1}}';
  send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"Echo","arguments":${given}}}`);
  await started.says('"id":2');
  send({
    jsonrpc: '2.0',
    id: 3,
    method: 'tools/call',
    params: { name: 'Echo', arguments: { Value: 'x'.repeat(300_000) } },
  });
  await started.says('"id":3');
  started.child.stdin?.end();
  expect((await started.ended).code).toBe(0);

  const answers = new Map(records(started.output().stdout).map((message) => [message['id'], message['result']]));
  expect(answers.get(2)).toMatchObject({
    isError: true,
    structuredContent: { error: { code: 'invalidRequest', problems: [{ code: 'unknownField' }, expect.anything()] } },
  });
  expect(JSON.stringify(answers.get(2))).toContain('/arguments/__proto__');
  expect(answers.get(3)).toMatchObject({ isError: true, structuredContent: { error: { code: 'bodyTooLarge' } } });
  expect((await harness.errand.orchestrator.list({}, { limit: 1 })).runs).toEqual([]);
});
