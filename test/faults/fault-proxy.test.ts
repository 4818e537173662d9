import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage } from 'node:http';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { faultProxy, type FaultProxy } from './support/fault-proxy.ts';
import type { Fault, FaultKind, Injector } from './support/injector.ts';
import { dockerWire } from './support/wires.ts';
import { listen } from '../support/listen.ts';

const path = '/containers/json';
const stream = '/events';

/** What the service behind the wire was asked. */
let asked: string[];
/** What happens to the next request, once. */
let next: Fault | undefined;
let possible: FaultKind[];
let proxy: FaultProxy;
let agent: Agent;

const injector: Injector = {
  decide: ({ canBe }) => {
    possible = dockerWire.kinds.filter(canBe);
    const fault = next;
    next = undefined;
    return fault;
  },
  start: () => undefined,
  stop: () => undefined,
  counts: new Map(),
};

const service = createServer((incoming, outgoing) => {
  asked.push(`${incoming.method} ${incoming.url}`);
  if (incoming.url === stream) outgoing.write('first');
  else outgoing.end(`answer ${asked.length}`);
});

beforeEach(async () => {
  asked = [];
  next = undefined;
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const port = await listen(service);
  const target = `http://127.0.0.1:${port}`;
  proxy = await faultProxy({ wire: dockerWire, injector, target, silenceMs: 50 });
});

afterEach(async () => {
  agent.destroy();
  await proxy.close();
  service.closeAllConnections();
  await new Promise((done) => service.close(done));
});

/** Status and text, or how it broke off: before the head, or in the middle of the text. */
async function ask(method = 'GET', url = path): Promise<string> {
  const outgoing = request(`${proxy.url}${url}`, { method, agent });
  // It fails once more where its answer breaks off, which is told below.
  outgoing.on('error', () => undefined);
  outgoing.end(method === 'POST' ? 'body' : undefined);
  let response: IncomingMessage;
  try {
    [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  } catch {
    return 'no answer';
  }
  let text = '';
  try {
    for await (const chunk of response) text += String(chunk);
  } catch {
    return `${response.statusCode} broken off`;
  }
  return `${response.statusCode} ${text}`;
}

describe('a proxy on a wire', () => {
  test('hands on what nothing happens to', async () => {
    expect([await ask(), await ask('POST')]).toEqual(['200 answer 1', '200 answer 2']);
    expect(asked).toEqual([`GET ${path}`, `POST ${path}`]);
  });

  test.each<[FaultKind, number, string, number]>([
    ['failBefore', 0, 'no answer', 0],
    ['doneButFailed', 0, '504 {"message":"as told"}', 1],
    ['throttled', 0, '429 {"message":"as told"}', 0],
    ['unavailable', 0, '503 {"message":"as told"}', 0],
    ['silence', 0.2, 'no answer', 1],
    ['silence', 0.8, 'no answer', 0],
    ['reset', 0.2, '200 broken off', 1],
    ['reset', 0.8, 'no answer', 0],
    ['halfOpen', 0.8, '200 broken off', 1],
    ['duplicate', 0, '200 answer 2', 2],
  ])('does %s (%d): the caller gets %j, and the service is asked %d times', async (kind, coin, answer, times) => {
    next = { kind, coin };
    expect(await ask()).toBe(answer);
    expect(asked).toHaveLength(times);
    // What comes after it is as if nothing had been.
    expect(await ask()).toBe(`200 answer ${times + 1}`);
  });

  test('leaves a connection half open, so that the next request on it meets silence', async () => {
    next = { kind: 'halfOpen', coin: 0.2 };
    expect([await ask(), await ask(), await ask()]).toEqual(['200 answer 1', 'no answer', '200 answer 2']);
  });

  test('breaks off no answer that is nothing but its head: half of it would be a whole one that is wrong', async () => {
    for (const kind of ['reset', 'halfOpen'] as const) {
      next = { kind, coin: kind === 'reset' ? 0.2 : 0.8 };
      expect(await ask('HEAD')).toBe('no answer');
    }
    expect(asked).toHaveLength(2);
  });

  test('answers with what was true before', async () => {
    await ask();
    await ask();
    next = { kind: 'staleRead', coin: 0 };
    expect(await ask()).toBe('200 answer 1');
    expect(asked).toHaveLength(2);
  });

  test('does to each request what may happen to it, and nothing else', async () => {
    await ask();
    expect(possible).toEqual(dockerWire.kinds);
    await ask('GET', '/containers/one/json');
    expect(possible).toEqual(dockerWire.kinds.filter((kind) => kind !== 'staleRead'));
    const notTwice = dockerWire.kinds.filter((kind) => kind !== 'duplicate' && kind !== 'staleRead');
    await ask('POST');
    expect(possible).toEqual(notTwice);
    next = { kind: 'reset', coin: 0.2 };
    await ask('GET', stream);
    expect(possible).toEqual(notTwice.filter((kind) => kind !== 'doneButFailed'));
  });

  test('passes a stream on while it goes on, and ends it with its listener', async () => {
    const outgoing = request(`${proxy.url}${stream}`, { agent });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('first');
    response.destroy();
    expect(await ask()).toBe('200 answer 2');
  });
});
