import { globSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { createClient, ErrandApiError, ErrandConnectionError, type Client } from '../../src/client/client.ts';
import { pushScript, serverHarness, type ServerHarness } from '../http/support/server-harness.ts';
import { listen } from '../support/listen.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server of a few lines in the place of Errand's. */
async function serverOf(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  const port = await listen(server);
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${port}`;
}

/** Passes bytes on to another port; `cut` breaks what is open. */
async function proxyTo(url: string): Promise<{ url: string; cut(): void; connections: number }> {
  const sockets = new Set<Socket>();
  const proxy = { url: '', connections: 0, cut: () => sockets.forEach((socket) => socket.destroy()) };
  const server = createTcpServer((near) => {
    proxy.connections += 1;
    const far = connect(Number(new URL(url).port), '127.0.0.1');
    for (const socket of [near, far])
      sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  proxy.url = `http://127.0.0.1:${await listen(server)}`;
  closers.push(() => {
    server.close();
    proxy.cut();
  });
  return proxy;
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('against a server', () => {
  let harness: ServerHarness;
  let client: Client;

  beforeAll(async () => {
    harness = await serverHarness();
    client = harness.client;
    await pushScript(client, 'Count', 'for i in 1 2 3 4 5; do echo "line $i"; sleep 0.2; done', {
      scriptParameters: [{ parameterName: 'X', parameterType: 'int' }],
    });
  });
  afterAll(() => harness.dispose());

  test('an error carries what the server said', async () => {
    const error = await failure(client.run({ taskName: 'Count', parameters: [{ name: 'X', value: 'x' }] }));
    expect(error).toBeInstanceOf(ErrandApiError);
    expect(error).toMatchObject({
      status: 422,
      message: expect.stringContaining('X must be'),
      details: { code: 'invalidRequest', problems: [{ path: '/parameters/0/value', code: 'wrongType' }] },
    });
    expect(await failure(client.get('0'.repeat(26)))).toMatchObject({ status: 404, details: { code: 'runNotFound' } });
  });

  test('names are put into addresses as names', async () => {
    for (const name of ['../runs', 'a/b', '?x=1', '#', '%2f', 'ü'])
      expect(await failure(client.task(name))).toMatchObject({ status: 404, details: { code: 'taskNotFound' } });
  });

  test('a log goes on where a connection broke', async () => {
    const proxy = await proxyTo(harness.url);
    const { id } = await client.run({ taskName: 'Count' });
    let text = '';
    for await (const chunk of createClient({ url: proxy.url }).logs(id)) {
      text += chunk.text;
      if (proxy.connections < 4) proxy.cut();
    }
    expect(text).toBe('line 1\nline 2\nline 3\nline 4\nline 5\n');
    expect(proxy.connections).toBeGreaterThanOrEqual(2);
  });

  test('a wait goes on too', async () => {
    const proxy = await proxyTo(harness.url);
    const { id } = await client.run({ taskName: 'Count' });
    const waiting = createClient({ url: proxy.url }).wait(id);
    const cutting = setInterval(() => proxy.cut(), 300);
    expect(await waiting).toMatchObject({ state: 'succeeded' });
    clearInterval(cutting);
  });

  test('a signal ends what is under way', async () => {
    const { id } = await client.run({ taskName: 'Count' });
    const reason = new Error('enough');
    const stop = new AbortController();
    const reading = failure(
      (async () => {
        for await (const _ of client.logs(id, { signal: stop.signal })) stop.abort(reason);
      })(),
    );
    expect(await reading).toBe(reason);
    expect(await failure(client.wait(id, { signal: stop.signal }))).toBe(reason);
  });

  test('all of it can be used', async () => {
    const run = await client.run({ taskName: 'Count' }, { idempotencyKey: 'same' });
    expect((await client.run({ taskName: 'Count' }, { idempotencyKey: 'same' })).id).toBe(run.id);
    expect((await client.run({ taskName: 'Count' })).id).not.toBe(run.id);
    expect((await client.plan({ taskName: 'Count' })).taskName).toBe('Count');
    expect(await client.schema('Count')).toMatchObject({ properties: { X: { type: 'integer' } } });
    expect((await client.tasks()).map(({ taskName }) => taskName)).toEqual(['Count']);
    await pushScript(client, 'Gone', 'true');
    await client.removeTask('Gone', { ifMatch: (await client.task('Gone')).etag });
    expect(await failure(client.task('Gone'))).toMatchObject({ status: 404 });
  });
});

describe('against trouble', () => {
  test('where nobody answers the error has the URL and the way out', async () => {
    const url = await serverOf(() => undefined);
    for (const close of closers.splice(0)) close();
    const error = await failure(createClient({ url, retries: 1 }).tasks());
    expect(error).toBeInstanceOf(ErrandConnectionError);
    expect(error).toMatchObject({
      url,
      message: expect.stringMatching(/no Errand server answers at http:.*errand dev/),
    });
  });

  test('a run whose answer was lost is asked for again under the same key', async () => {
    const keys: (string | undefined)[] = [];
    const url = await serverOf((request, response) => {
      keys.push(request.headers['idempotency-key'] as string | undefined);
      if (keys.length === 1) request.socket.destroy();
      else if (keys.length === 2)
        response
          .writeHead(503, { 'Content-Type': 'application/problem+json' })
          .end('{"code":"shuttingDown","detail":"stopping"}');
      else response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"id":"one"}');
    });
    expect(await createClient({ url }).run({ taskName: 'A' })).toEqual({ id: 'one' });
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    await createClient({ url }).run({ taskName: 'A' });
    expect(new Set(keys).size).toBe(2);
  });

  test('who follows is told once that the server is away, not of a connection that only broke', async () => {
    let requests = 0;
    const url = await serverOf((request, response) => {
      requests += 1;
      if (requests > 2 && requests < 7) return request.socket.destroy();
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      if (requests === 7) return response.end('event: end\ndata: {"state":"succeeded"}\n\n');
      return response.write(`id: 1:${requests}\nevent: log\ndata: {"attempt":1,"text":"a"}\n\n`, () =>
        setTimeout(() => request.socket.destroy(), 50),
      );
    });
    const told: number[] = [];
    const seen: string[] = [];
    const options = { onAway: () => told.push(requests) };
    for await (const { event } of createClient({ url }).events('one', options)) seen.push(event);
    expect(seen).toEqual(['log', 'log', 'end']);
    expect(told).toEqual([6]);
  });

  test('it gives up after a few tries, and at once where trying again cannot help', async () => {
    let requests = 0;
    let status = 503;
    const url = await serverOf((_, response) => {
      requests += 1;
      response.writeHead(status, { 'Retry-After': '1' }).end();
    });
    const began = performance.now();
    expect(await failure(createClient({ url, retries: 2 }).run({ taskName: 'A' }))).toMatchObject({
      status: 503,
      details: undefined,
      retryAfterSeconds: 1,
    });
    expect(requests).toBe(3);
    expect(performance.now() - began).toBeGreaterThan(1_900);
    requests = 0;
    status = 500;
    expect(await failure(createClient({ url }).run({ taskName: 'A' }))).toMatchObject({
      status: 500,
      message: expect.stringContaining('is this URL an Errand server?'),
    });
    expect(requests).toBe(1);
  });

  test('a key is sent with each request, and nothing else knows it', async () => {
    const seen: (string | undefined)[] = [];
    const url = await serverOf((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    const error = await failure(createClient({ url: `${url}/`, apiKey: 'errand_1_2' }).tasks());
    expect(seen).toEqual(['Bearer errand_1_2']);
    expect(JSON.stringify(error)).not.toContain('errand_1_2');
  });
});

test('the client needs nothing at run time but the route table', () => {
  const imports = globSync('src/client/*.ts').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type)[^]*? from '([^']+)'/gm)].map(
      ([, target = '']) => target,
    ),
  );
  expect([...new Set(imports)].filter((target) => !target.startsWith('./'))).toEqual(['../contract/routes.ts']);
  expect(readFileSync('src/contract/routes.ts', 'utf8')).not.toMatch(/^import /m);
});
