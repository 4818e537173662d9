import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';

import { ErrandError } from '../../src/contract/errors.ts';
import { limits } from '../../src/contract/limits.ts';
import { serverHarness, pushScript, type HarnessOptions, type ServerHarness } from '../http/support/server-harness.ts';
import { spawnServer } from '../http/support/spawn-server.ts';

const open: ServerHarness[] = [];
const sockets: Socket[] = [];

async function server(options: HarnessOptions = {}): Promise<ServerHarness> {
  const harness = await serverHarness(options);
  open.push(harness);
  return harness;
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const harness of open.splice(0)) await harness.dispose();
});

async function socketTo(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Everything that comes until the other side closes. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await once(socket, 'close');
  return text;
}

/** Reads until this text has come. */
async function readUntil(socket: Socket, wanted: string): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += (chunk as Buffer).toString('latin1');
    if (text.includes(wanted)) return text;
  }
  throw new Error(`the connection ended before ${wanted}: ${text}`);
}

const head = (path: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}\r\n`;

describe('what is no request', () => {
  const problem = async (sent: string): Promise<{ status: number; code: string; text: string }> => {
    const socket = await socketTo((await server()).url);
    socket.write(sent);
    const text = await readUntil(socket, '"requestId"');
    const [, status, code] = /^HTTP\/1\.1 (\d{3}) [^]*application\/problem\+json[^]*"code":"(\w+)"/.exec(text) ?? [];
    return { status: Number(status), code: code ?? '', text };
  };

  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformedRequest'],
    ['a method that there is not', 'FLY / HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'malformedRequest'],
    ['another HTTP', 'GET / HTTP/9.9\r\nHost: localhost\r\n\r\n', 400, 'malformedRequest'],
    ['a backslash in the path', 'GET /api/tasks/\\ HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'malformedRequest'],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, 'malformedRequest'],
    ['an empty host', 'GET /healthz HTTP/1.1\r\nHost: \r\n\r\n', 400, 'malformedRequest'],
    ['a host that is none', 'GET /healthz HTTP/1.1\r\nHost: a b/c\r\n\r\n', 400, 'malformedRequest'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      400,
      'malformedRequest',
    ],
    ['headers of 17 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17 * 1024)}\r\n\r\n`, 431, 'headersTooLarge'],
  ])('%s is refused with problem details', async (_, sent, status, code) => {
    expect(await problem(sent)).toMatchObject({ status, code });
  });

  test('headers that do not come are refused with problem details', async () => {
    const socket = await socketTo((await server({ server: { headersMs: 300 } })).url);
    socket.write('GET /healthz HTTP/1.1\r\n');
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 408 [^]*application\/problem\+json[^]*"code":"requestTimeout"/);
  });

  test('its connection is closed, and no other', async () => {
    const { url } = await server();
    const socket = await socketTo(url);
    socket.write('hello\r\n\r\n');
    await readAll(socket);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('it is answered after what was asked before it on its connection', async () => {
    const socket = await socketTo((await server()).url);
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await readUntil(socket, '"ok"');
    socket.write('hello\r\n\r\n');
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('what is expected of an answer is left alone', async () => {
    const socket = await socketTo((await server()).url);
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: wonders\r\n\r\n');
    expect(await readUntil(socket, '"ok"')).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('bodies over a socket', () => {
  test('one that says it is too large is refused before it comes', async () => {
    const socket = await socketTo((await server()).url);
    socket.write(head('/api/runs', `Content-Length: ${limits.bodyBytes + 1}\r\n`));
    expect(await readUntil(socket, '"requestId"')).toMatch(/^HTTP\/1\.1 413 [^]*"code":"bodyTooLarge"/);
  });

  test('one that does not say so is refused when it has become too large', async () => {
    const socket = await socketTo((await server()).url);
    socket.write(head('/api/runs', 'Transfer-Encoding: chunked\r\n'));
    const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
    for (let sent = 0; sent <= limits.bodyBytes; sent += 65_536) socket.write(chunk);
    expect(await readUntil(socket, '"requestId"')).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('the largest is taken', async () => {
    const { url } = await server();
    const body = JSON.stringify({ taskName: 'Absent' });
    const post = (bytes: number) =>
      fetch(`${url}/api/runs`, {
        method: 'POST',
        body: body.padEnd(bytes, ' '),
        headers: { 'Content-Type': 'application/json' },
      });
    expect((await post(limits.bodyBytes)).status).toBe(404);
    expect((await post(limits.bodyBytes + 1)).status).toBe(413);
  });

  test.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json; charset=latin1', 415],
    ['', 415],
    ['application/json', 404],
    ['application/vnd.errand+json', 404],
    ['APPLICATION/JSON; charset="UTF-8"', 404],
  ])('content type %j', async (type, status) => {
    const { url } = await server();
    const answer = await fetch(`${url}/api/runs`, {
      method: 'POST',
      body: Buffer.from('{"taskName":"Absent"}'),
      headers: { 'Content-Type': type },
    });
    expect(answer.status).toBe(status);
  });

  test('one without a content type is JSON; one that is compressed is refused', async () => {
    const { url } = await server();
    const post = async (headers: Record<string, string>) =>
      (await fetch(`${url}/api/runs`, { method: 'POST', body: Buffer.from('{"taskName":"Absent"}'), headers })).status;
    expect(await post({})).toBe(404);
    expect(await post({ 'Content-Encoding': 'identity' })).toBe(404);
    for (const encoding of ['gzip', 'br', 'deflate', 'gzip, identity'])
      expect(await post({ 'Content-Encoding': encoding })).toBe(415);
  });
});

describe('slow requests', () => {
  test('headers and bodies that do not come are closed with 408, and others are answered meanwhile', async () => {
    const { url } = await server({ server: { headersMs: 400, requestMs: 600 }, app: { bodyMs: 500 } });
    const slowHead = await Promise.all(Array.from({ length: 50 }, () => socketTo(url)));
    for (const socket of slowHead) socket.write('GET /healthz HTTP/1.1\r\nHost: loc');
    const slowBody = await socketTo(url);
    slowBody.write(`${head('/api/runs', 'Content-Length: 100\r\n')}{"taskName":`);
    const answers = Promise.all(slowHead.map(readAll));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await readUntil(slowBody, '"requestId"')).toMatch(/^HTTP\/1\.1 408 [^]*"code":"requestTimeout"/);
    for (const answer of await answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('an answer may take longer than a request', async () => {
    const harness = await server({ server: { headersMs: 200, requestMs: 300 } });
    await pushScript(harness.client, 'Long', 'echo a; sleep 1.5; echo b');
    const { id } = await harness.client.run({ taskName: 'Long' });
    const response = await fetch(`${harness.url}/api/runs/${id}/logs?follow`);
    expect(await response.text()).toMatch(/"a\\n"[^]*"b\\n"[^]*event: end/);
  });

  test('headers that are too large, or none at all, do no harm', async () => {
    const { url } = await server();
    expect((await fetch(`${url}/healthz`, { headers: { 'X-Api-Key': 'x'.repeat(20_000) } })).status).toBe(431);
    const socket = await socketTo(url);
    socket.write('\u0016\u0003\u0001 no HTTP\r\n\r\n');
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

describe('where it listens', () => {
  const refused = async (options: HarnessOptions): Promise<string> => {
    const error: unknown = await server(options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return error instanceof ErrandError ? `${error.code}: ${error.message}` : String(error);
  };

  test.each(['0.0.0.0', '::', '192.0.2.1', 'errand.example.org'])('without keys not on %s', async (host) => {
    expect(await refused({ server: { host } })).toMatch(/^invalidConfiguration: .*ERRAND_API_KEYS_FILE/);
  });

  test('a port that is taken is said to be taken', async () => {
    const port = Number(new URL((await server()).url).port);
    expect(await refused({ server: { port } })).toMatch(
      /^invalidConfiguration: cannot listen on 127\.0\.0\.1:\d+: another program uses this port/,
    );
  });
});

describe('stopping', () => {
  test('streams end with a word to come back, waits end, idle connections close, and new requests are refused', async () => {
    const harness = await server();
    await pushScript(harness.client, 'Sleeper', 'echo up; exec sleep 30', { timeouts: { graceSeconds: 1 } });
    const { id } = await harness.client.run({ taskName: 'Sleeper' });
    const idle = await socketTo(harness.url);
    idle.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await readUntil(idle, 'ok');
    // A reader that would keep its connection for ever.
    const stream = await socketTo(harness.url);
    stream.write(`GET /api/runs/${id}/logs?follow HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const streamed = readAll(stream);
    const waiting = fetch(`${harness.url}/api/runs/${id}?wait=60`);
    await sleep(200);
    const began = performance.now();
    const [text, waited] = await Promise.all([streamed, waiting.then((answer) => answer.json()), harness.stop()]);
    // Node itself would close the connection of the stream five seconds after the last answer.
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(text).toContain('retry: 1000\n\n');
    expect(text).not.toContain('event: end');
    expect((waited as { endedAt?: string }).endedAt).toBeUndefined();
    await expect(fetch(`${harness.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  test('SIGTERM ends the process with 0, leaves tasks alone, and the next server finds them', async () => {
    const { directory, client, stop } = await server();
    await pushScript(client, 'Outlive', 'echo up; sleep 2; echo done');
    await stop();
    const first = await spawnServer(directory);
    const answer = await fetch(`${first.url}/api/runs`, {
      method: 'POST',
      body: Buffer.from('{"taskName":"Outlive"}'),
    });
    const { id } = (await answer.json()) as { id: string };
    const stream = await fetch(`${first.url}/api/runs/${id}/logs?follow`);
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let seen = ''; !seen.includes('up');) seen += (await reader?.read())?.value ?? '';
    first.process.kill('SIGTERM');
    expect(await first.ended).toEqual([0, null]);
    const second = await spawnServer(directory);
    const run = (await (await fetch(`${second.url}/api/runs/${id}?wait=30`)).json()) as object;
    const log = await (await fetch(`${second.url}/api/runs/${id}/logs`)).text();
    second.process.kill('SIGINT');
    expect(await second.ended).toEqual([0, null]);
    expect([run, log]).toEqual([expect.objectContaining({ state: 'succeeded', exitCode: 0 }), 'up\ndone\n']);
  });
});
