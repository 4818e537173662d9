import { once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import type { WebhookAnswer } from '../../src/core/ports/webhook-sender.ts';
import { httpsSender, type HttpsSenderOptions } from '../../src/webhooks/https-sender.ts';
import { selfSigned } from '../support/certificate.ts';
import { network, publicAddress, receiver, type Network, type Receiver } from './support/receivers.ts';

let outside: Receiver;
let inside: Receiver;
let certificate: { key: string; cert: string };
let net: Network;
let names: Record<string, string[]>;

beforeAll(async () => {
  certificate = await selfSigned(['public.test', 'hooks.public.test']);
  outside = await receiver(certificate);
  inside = await receiver(certificate);
});
afterAll(() => Promise.all([outside.close(), inside.close()]));
beforeEach(() => {
  names = {
    'public.test': [publicAddress],
    'hooks.public.test': [publicAddress],
    'wrong.test': [publicAddress],
    localhost: ['127.0.0.1', '::1'],
    'internal.test': ['127.0.0.1'],
    'metadata.test': ['169.254.169.254'],
    'mixed.test': [publicAddress, '10.0.0.7'],
    'mapped.test': ['::ffff:127.0.0.1'],
    'translated.test': ['64:ff9b::7f00:1'],
  };
  net = network((host) => names[host], { outside: outside.port, inside: inside.port });
  outside.received.length = 0;
  outside.answer = undefined;
});

const send = (url: string, options: Partial<HttpsSenderOptions> = {}): Promise<WebhookAnswer> =>
  httpsSender({
    rules: { internal: [] },
    clock: systemClock,
    userAgent: 'Errand/test',
    ca: certificate.cert,
    ...net.options,
    ...options,
  }).send({ url, headers: { 'Content-Type': 'application/json', 'webhook-id': 'msg_1' }, body: '{"a":"ä"}' });

/** However it is written, what is inside is not connected, let alone asked. */
function expectNothingInside(): void {
  expect(inside.connections()).toBe(0);
  expect(net.dialled.filter((address) => address !== publicAddress)).toEqual([]);
}

test('a message arrives as it was sent, over a connection that was checked', async () => {
  expect(await send('https://public.test/hooks?a=b')).toEqual({ kind: 'answered', status: 204 });
  expect(outside.received).toMatchObject([
    {
      method: 'POST',
      path: '/hooks?a=b',
      body: '{"a":"ä"}',
      headers: {
        host: 'public.test',
        'content-type': 'application/json',
        'content-length': '10',
        'user-agent': 'Errand/test',
        'webhook-id': 'msg_1',
        connection: 'close',
      },
    },
  ]);
  expect(net.dialled).toEqual([publicAddress]);
});

describe('an internal address is not reached:', () => {
  test.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://127.0.0.1./',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://\uff11\uff12\uff17.0.0.1/',
    'https://\u2460\u2461\u2466.0.0.1/',
    'https://127\u30020\u30020\u30021/',
    'https://0/',
    'https://0.0.0.0/',
    'https://[::]/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[::127.0.0.1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:0:127.0.0.1]/',
    'https://[64:ff9b::127.0.0.1]/',
    'https://[64:ff9b:1::a9fe:a9fe]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:0:7f00:1::]/',
    'https://[fc00::1]/',
    'https://[fd12:3456::1]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
    'https://10.1.2.3/',
    'https://100.64.0.1/',
    'https://168.63.129.16/',
    'https://169.254.169.254/metadata/identity/oauth2/token',
    'https://[::ffff:a9fe:a9fe]/',
    'https://172.31.255.255/',
    'https://192.0.0.1/',
    'https://192.168.0.1/',
    'https://198.18.0.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://internal.test/',
    'https://metadata.test/',
    'https://mixed.test/',
    'https://mapped.test/',
    'https://translated.test/',
  ])('%s', async (url) => {
    expect(await send(url)).toMatchObject({ kind: 'refused' });
    expect(net.dialled).toEqual([]);
    expectNothingInside();
  });
});

test.each([
  ['no URL', 'public.test/hooks'],
  ['an address that does not parse', 'https://[::1/'],
  ['a zone', 'https://[fe80::1%25lo]/'],
  ['a user', 'https://127.0.0.1@public.test/'],
  ['a password', 'https://:secret@public.test/'],
  ['plain http', 'http://public.test/'],
  ['another port', 'https://public.test:8443/'],
  ['another scheme', 'file:///etc/passwd'],
])('%s is refused before anything is resolved', async (_, url) => {
  const resolve = (): Promise<string[]> => Promise.reject(new Error('it was resolved'));
  expect(await send(url, { resolve })).toMatchObject({ kind: 'refused' });
  expect(net.dialled).toEqual([]);
});

describe('a name that changes', () => {
  test('between check and connection leads to the address that was checked', async () => {
    let asked = 0;
    const resolve = async (): Promise<string[]> => ((asked += 1) === 1 ? [publicAddress] : ['127.0.0.1']);
    expect(await send('https://public.test/', { resolve })).toMatchObject({ status: 204 });
    expect([asked, net.dialled]).toEqual([1, [publicAddress]]);
    expectNothingInside();
  });

  test('after a connection was made is asked for again: no connection is kept that could be used instead of a check', async () => {
    const sender = httpsSender({
      rules: { internal: [] },
      clock: systemClock,
      userAgent: 'Errand/test',
      ca: certificate.cert,
      ...net.options,
    });
    const message = { url: 'https://public.test/', headers: {}, body: '{}' };
    // Receivers that would keep it, too.
    outside.answer = (_, response) => response.writeHead(200, { Connection: 'keep-alive' }).end();
    for (let count = 0; count < 2; count += 1) expect(await sender.send(message)).toMatchObject({ status: 200 });
    expect(new Set(outside.received.map(({ port }) => port)).size).toBe(2);
    names['public.test'] = ['127.0.0.1'];
    expect(await sender.send(message)).toMatchObject({ kind: 'refused' });
    expect(outside.received).toHaveLength(2);
    expectNothingInside();
  });
});

test.each([301, 302, 303, 307, 308])('a redirect (%i) to the inside is an answer, and not followed', async (status) => {
  outside.answer = (_, response) =>
    response.writeHead(status, { Location: `https://internal.test:${inside.port}/` }).end();
  expect(await send('https://public.test/')).toEqual({ kind: 'answered', status });
  expectNothingInside();
});

describe('a receiver that', () => {
  test('never answers is given up', async () => {
    outside.answer = () => undefined;
    expect(await send('https://public.test/', { headersMs: 300 })).toMatchObject({
      kind: 'unanswered',
      message: expect.stringContaining('0.3 s'),
    });
  });

  test('sends headers without an end is given up', async () => {
    outside.answer = (request) => {
      const { socket } = request;
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write(`X-${'a'.repeat(500)}: b\r\n`), 5);
      socket.on('close', () => clearInterval(drip));
    };
    expect(await send('https://public.test/', { headersMs: 5_000 })).toMatchObject({ kind: 'unanswered' });
  });

  test('sends a body without an end has answered; no more than a little of it is read', async () => {
    let written = 0;
    outside.answer = (_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
      };
      response.on('drain', more);
      more();
    };
    expect(await send('https://public.test/')).toEqual({ kind: 'answered', status: 200 });
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test('sends its body drop by drop has answered, and is cut off in time', async () => {
    let closed: Promise<unknown> | undefined;
    outside.answer = (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 20);
      closed = once(response, 'close').then(() => clearInterval(drip));
    };
    expect(await send('https://public.test/', { totalMs: 500 })).toEqual({ kind: 'answered', status: 200 });
    await closed;
  });

  test('breaks off after its status has answered', async () => {
    outside.answer = (request) => {
      request.socket.end('HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nabc');
    };
    expect(await send('https://public.test/')).toEqual({ kind: 'answered', status: 202 });
  });

  test('breaks off before has not', async () => {
    outside.answer = (request) => void request.socket.destroy();
    expect(await send('https://public.test/')).toMatchObject({ kind: 'unanswered' });
  });

  test.each([
    ['17', 17],
    [new Date(Date.now() + 3_600_000).toUTCString(), 3_600],
  ])('asks to be left alone for a while is heard: Retry-After: %s', async (text, seconds) => {
    outside.answer = (_, response) => response.writeHead(429, { 'Retry-After': text }).end();
    const answer = await send('https://public.test/');
    expect(answer).toMatchObject({ kind: 'answered', status: 429 });
    const { retryAfterSeconds = 0 } = answer as { retryAfterSeconds?: number };
    expect(Math.abs(retryAfterSeconds - seconds)).toBeLessThan(60);
  });

  test('has the certificate of another is not told anything', async () => {
    expect(await send('https://wrong.test/')).toMatchObject({ kind: 'unanswered' });
    expect(outside.received).toEqual([]);
  });

  test('cannot be found is unanswered', async () => {
    expect(await send('https://absent.test/')).toMatchObject({
      kind: 'unanswered',
      message: expect.stringContaining('ENOTFOUND'),
    });
  });
});

test('a name that never resolves is given up', async () => {
  const resolve = (): Promise<string[]> => new Promise(() => undefined);
  expect(await send('https://public.test/', { resolve, headersMs: 300 })).toMatchObject({ kind: 'unanswered' });
  expect(net.dialled).toEqual([]);
});

test('an aborted signal ends it with its reason', async () => {
  outside.answer = () => undefined;
  const sender = httpsSender({
    rules: { internal: [] },
    clock: systemClock,
    userAgent: 'Errand/test',
    ca: certificate.cert,
    ...net.options,
  });
  const stop = new AbortController();
  const sent = sender.send({ url: 'https://public.test/', headers: {}, body: '{}' }, { signal: stop.signal });
  setTimeout(() => stop.abort(new Error('closing')), 100);
  await expect(sent).rejects.toThrow('closing');
});

describe('the operator', () => {
  test('may name the only hosts that are called', async () => {
    const rules = { hosts: ['public.test:8443', '*.public.test'], internal: [] };
    expect(await send('https://hooks.public.test/', { rules })).toMatchObject({ status: 204 });
    expect(await send('https://public.test:8443/', { rules })).toMatchObject({ status: 204 });
    for (const url of ['https://public.test/', 'https://notpublic.test/', 'https://hooks.public.test.evil.test/'])
      expect(await send(url, { rules })).toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('ERRAND_WEBHOOK_HOSTS'),
      });
    names['hooks.public.test'] = ['127.0.0.1'];
    expect(await send('https://hooks.public.test/', { rules })).toMatchObject({ kind: 'refused' });
    expectNothingInside();
  });

  test('may let internal hosts be called, over plain http as well', async () => {
    const plain = await receiver();
    const rules = { internal: [`127.0.0.1:${plain.port}`] };
    const { dial, resolve } = network(() => undefined, { outside: outside.port, inside: plain.port }).options;
    expect(await send(`http://127.0.0.1:${plain.port}/`, { rules, dial, resolve })).toMatchObject({ status: 204 });
    expect(await send(`http://127.0.0.1:${plain.port + 1}/`, { rules, dial, resolve })).toMatchObject({
      kind: 'refused',
    });
    expect(plain.received).toHaveLength(1);
    await plain.close();
  });
});
