import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as openRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';

import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RunView } from '../../src/contract/run.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createApp } from '../../src/http/app.ts';
import { pushScript, serverHarness, type ServerHarness } from '../http/support/server-harness.ts';

const patience = { timeout: 20_000, interval: 50 };
const both = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const parameters = [{ parameterName: 'Gate', parameterType: 'string', required: true }];
const more = { scriptParameters: parameters, hints: { readOnly: true }, timeouts: { runSeconds: 120 } };

let harness: ServerHarness;
let gates: string;
let count = 0;

beforeAll(async () => {
  harness = await serverHarness();
  gates = await mkdtemp(join(tmpdir(), 'errand-gates-'));
  await pushScript(harness.client, 'Echo', 'echo "$Text"', {
    scriptParameters: [{ parameterName: 'Text', parameterType: 'json' }],
  });
  await pushScript(harness.client, 'Gated', 'echo begun; while [ ! -e "$Gate" ]; do sleep 0.05; done', more);
});
afterAll(async () => {
  await harness.dispose();
  await rm(gates, { recursive: true, force: true });
});

/** As another server on the same storage has it. */
function anotherApp(): ReturnType<typeof createApp> {
  const { orchestrator, context } = harness.errand;
  return createApp({
    orchestrator,
    artifacts: context.artifacts,
    storage: context.storage,
    clock: systemClock,
    logger: silentLogger,
    version: '0.0.0',
  });
}

const gate = (): string => join(gates, String((count += 1)));

interface Message {
  id?: number | string;
  method: string;
  params?: object;
}

async function post(message: unknown, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  return fetch(`${harness.url}/mcp`, { method: 'POST', headers: { ...both, ...headers }, body, ...init });
}

const rpc = (message: Message): object => ({ jsonrpc: '2.0', ...message });
const callOf = (id: number | string, name: string, given: object) =>
  rpc({ id, method: 'tools/call', params: { name, arguments: given } });

/** The answer in a stream, after whatever was told before it. */
async function answerOf(response: Response): Promise<CallToolResult> {
  const messages = (await response.text())
    .split('\n')
    .flatMap((line) => (line.startsWith('data: ') ? [JSON.parse(line.slice(6)) as { result?: CallToolResult }] : []));
  const result = messages.at(-1)?.result;
  if (result === undefined) throw new Error(`no answer in ${JSON.stringify(messages)}`);
  return result;
}

const idOf = (result: CallToolResult): unknown => result.structuredContent?.['id'];

async function newSession(): Promise<string> {
  const initialize = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  };
  const response = await post(rpc({ id: 0, method: 'initialize', params: initialize }));
  await response.text();
  return response.headers.get('mcp-session-id') ?? '';
}

/** The run with this gate, once it has begun to write: a signal finds its task then. */
async function runWith(path: string): Promise<string> {
  let found: RunView | undefined;
  const isThere = async (): Promise<boolean> => {
    const { runs } = await harness.client.list({ task: 'Gated', states: ['running'] });
    found = runs.find((run) => run.parameters[0]?.value === path);
    return found !== undefined && (await (await harness.client.log(found.id)).text()).includes('begun');
  };
  await expect.poll(isThere, patience).toBe(true);
  return found?.id ?? '';
}

describe('sessions', () => {
  test('are names that no two clients share', async () => {
    const [one, two] = [await newSession(), await newSession()];
    expect(one).toMatch(/^[\da-f-]{36}$/);
    expect(two).not.toBe(one);
  });

  test('a request that is sent again is the same run, though another server answers', async () => {
    const headers = { 'Mcp-Session-Id': await newSession() };
    const first = await answerOf(await post(callOf(7, 'Echo', { Text: 1 }), headers));
    const again = await answerOf(await post(callOf(7, 'Echo', { Text: 1 }), headers));
    expect([idOf(first), first.isError]).toEqual([idOf(again), false]);
    // A number and a text are two ids.
    for (const [id, session] of [
      [8, headers['Mcp-Session-Id']],
      ['7', headers['Mcp-Session-Id']],
      [7, await newSession()],
    ] as const) {
      const other = await answerOf(await post(callOf(id, 'Echo', { Text: 1 }), { 'Mcp-Session-Id': session }));
      expect(idOf(other)).not.toBe(idOf(first));
    }
  });

  test('another request under a used id is refused, and names the run', async () => {
    const headers = { 'Mcp-Session-Id': await newSession() };
    const first = await answerOf(await post(callOf(1, 'Echo', { Text: 1 }), headers));
    const other = await answerOf(await post(callOf(1, 'Echo', { Text: 2 }), headers));
    expect(other.structuredContent).toMatchObject({ error: { code: 'idempotencyKeyReused', runId: idOf(first) } });
  });

  test('without a session each request is a run of its own', async () => {
    const [one, two] = [
      await answerOf(await post(callOf(1, 'Echo', {}))),
      await answerOf(await post(callOf(1, 'Echo', {}))),
    ];
    expect([one.isError, idOf(one) === idOf(two)]).toEqual([false, false]);
  });

  test('a cancellation that arrives at another server finds its run', async () => {
    const other = anotherApp();
    const headers = { ...both, 'Mcp-Session-Id': await newSession() };
    const path = gate();
    const calling = post(callOf('call', 'Gated', { Gate: path }), headers);
    const id = await runWith(path);
    const cancel = async (requestId: string, session: string): Promise<number> => {
      const notification = rpc({ method: 'notifications/cancelled', params: { requestId } });
      const request = { method: 'POST', headers: { ...headers, 'Mcp-Session-Id': session } };
      const sent = await other.request('http://localhost/mcp', { ...request, body: JSON.stringify(notification) });
      return sent.status;
    };
    expect(await cancel('call', 'another-session')).toBe(202);
    expect(await cancel('another-call', headers['Mcp-Session-Id'])).toBe(202);
    expect(await harness.client.get(id)).not.toHaveProperty('cancel');
    expect(await cancel('call', headers['Mcp-Session-Id'])).toBe(202);
    expect(await harness.client.wait(id)).toMatchObject({ state: 'canceled' });
    expect((await answerOf(await calling)).structuredContent).toMatchObject({ id, state: 'canceled' });
  });

  test('a connection that breaks is no cancellation', async () => {
    const headers = { 'Mcp-Session-Id': await newSession() };
    const path = gate();
    const stop = new AbortController();
    const calling = post(callOf(1, 'Gated', { Gate: path }), headers, { signal: stop.signal });
    const id = await runWith(path);
    await calling;
    stop.abort();
    // Whatever a broken connection does has been done after this.
    await sleep(500);
    // The same request again waits on, for the same run.
    const again = post(callOf(1, 'Gated', { Gate: path }), headers);
    await writeFile(path, '');
    const answer = await answerOf(await again);
    expect(answer.structuredContent).toMatchObject({ id, state: 'succeeded' });
    // A run that ended well although it was to be canceled has this.
    expect(answer.structuredContent).not.toHaveProperty('cancel');
  });

  test('the stream of a canceled call ends without an answer', async () => {
    const headers = { 'Mcp-Session-Id': await newSession() };
    const path = gate();
    const calling = post(callOf(1, 'Gated', { Gate: path }), headers);
    await runWith(path);
    await post(rpc({ method: 'notifications/cancelled', params: { requestId: 1 } }), headers);
    expect(await (await calling).text()).not.toContain('"result"');
  });
});

describe('what is refused', () => {
  const problems = async (response: Response) => {
    const { code, problems: all = [] } = (await response.json()) as { code?: string; problems?: { path: string }[] };
    return [response.status, code, ...all.map(({ path }) => path)];
  };
  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const withText = (text: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Echo","arguments":{"Text":${text}}}}`;

  test.each([
    ['a prototype', withText('{"__proto__":{"x":1}}'), [422, 'invalidRequest', '/params/arguments/Text/__proto__']],
    ['too deep', withText(deep(60)), [400, 'bodyTooDeep']],
    ['too large', withText(`"${'x'.repeat(300_000)}"`), [413, 'bodyTooLarge']],
    [
      'too many keys',
      withText(`{${Array.from({ length: 3_000 }, (_, index) => `"${index}":1`).join()}}`),
      [400, 'tooManyKeys'],
    ],
    ['no JSON', '{"jsonrpc"', [400, 'invalidJson']],
    ['nothing', '', [400, 'invalidJson']],
    ['a list', `[${withText('1')}]`, [422, 'invalidRequest', '']],
  ])('%s', async (_, body, expected) => {
    expect(await problems(await post(body))).toEqual(expected);
  });

  test.each([
    ['a message that is none', { jsonrpc: '2.0' }, -32_700],
    ['a number', 7, -32_700],
  ])('%s', async (_, message, code) => {
    const response = await post(message);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code } }]);
  });

  test('an unknown method, a call without a name, arguments in a list', async () => {
    const codeOf = async (message: object): Promise<unknown> => {
      const text = await (await post(message)).text();
      return (JSON.parse(text.replace(/^event: .*\ndata: /, '')) as { error?: { code: number } }).error?.code;
    };
    expect(await codeOf(rpc({ id: 1, method: 'sampling/createMessage' }))).toBe(-32_601);
    expect(await codeOf(rpc({ id: 1, method: 'tools/call', params: {} }))).toBe(-32_602);
    expect(await codeOf(rpc({ id: 1, method: 'tools/call', params: { name: 'Echo', arguments: [] } }))).toBe(-32_602);
    for (const name of ['__proto__', '', '_', 'x'.repeat(1_000)])
      expect(await codeOf(callOf(1, name, {}))).toBe(-32_602);
  });

  test('names of JavaScript are names like any other', async () => {
    const constructor = await answerOf(await post(callOf(1, 'constructor', {})));
    expect(constructor.structuredContent).toMatchObject({ error: { code: 'taskNotFound' } });
    const given = await answerOf(await post(callOf(1, 'Echo', { toString: 1, hasOwnProperty: 2 })));
    expect(given.structuredContent).toMatchObject({
      error: {
        problems: [
          { path: '/arguments/toString', code: 'unknownParameter' },
          { path: '/arguments/hasOwnProperty', code: 'unknownParameter' },
        ],
      },
    });
  });

  test('a session id that is none, foreign pages, other methods', async () => {
    const ping = rpc({ id: 1, method: 'ping' });
    expect(await problems(await post(ping, { 'Mcp-Session-Id': 'x'.repeat(200) }))).toEqual([
      422,
      'invalidRequest',
      '/headers/Mcp-Session-Id',
    ]);
    expect(await problems(await post(ping, { Origin: 'https://example.org' }))).toEqual([403, 'originNotAllowed']);
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(`${harness.url}/mcp`, { method, headers: { Accept: 'text/event-stream' } });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });
});

/** Over a connection of its own: what is kept by a connection goes with it. */
async function postAlone(message: object, headers: Record<string, string> = {}): Promise<number | undefined> {
  const sending = openRequest(`${harness.url}/mcp`, { method: 'POST', agent: false, headers: { ...both, ...headers } });
  sending.end(JSON.stringify(message));
  const [answer] = (await once(sending, 'response')) as [IncomingMessage];
  await answer.resume().toArray();
  return answer.statusCode;
}

test.each<[string, object, number, Record<string, string>?]>([
  ['a list', rpc({ id: 1, method: 'tools/list' }), 200],
  ['a call', callOf(2, 'list_runs', {}), 200],
  ['a call that is refused', callOf(3, 'list_runs', {}), 406, { Accept: 'application/json' }],
  ['a notification', rpc({ method: 'notifications/initialized' }), 202],
])('nothing is kept in memory of %s that was answered', async (_, message, status, headers) => {
  const inMemory = (): number => queryObjects(WebStandardStreamableHTTPServerTransport, { format: 'count' });
  const before = inMemory();
  for (let sent = 0; sent < 20; sent += 1) expect(await postAlone(message, headers)).toBe(status);
  await expect.poll(inMemory, patience).toBeLessThanOrEqual(before);
});
