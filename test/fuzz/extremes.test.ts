import { connect, type Socket } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { extremeBodies } from './support/extreme-bodies.ts';
import { fixtureRuns } from './support/fixtures.ts';
import { fuzzWorld, type FuzzWorld } from './support/fuzz-world.ts';
import { rawClient } from './support/raw-client.ts';
import { steadyCaller, type SteadyCaller } from './support/steady-caller.ts';

const sockets = 100;
const headersMs = 1_500;
const bodyMs = 2_500;
/** Whoever unpacked a compression bomb, or took in all that is sent, would need more. */
const growthBytes = 50 * 1024 * 1024;

let world: FuzzWorld;
let steady: SteadyCaller;

beforeAll(async () => {
  world = await fuzzWorld({ hasKeys: true, headersMs, bodyMs });
  steady = await steadyCaller(world.server.url, world.key);
});
afterAll(() => world.dispose());

const head = (more: string): string =>
  `POST /api/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.key}\r\nContent-Type: application/json\r\n${more}`;

/** What the server says to somebody who sends a little, and then a byte now and then. */
async function slowly(start: string, drip: string): Promise<string> {
  const { hostname, port } = new URL(world.server.url);
  const socket: Socket = connect(Number(port), hostname);
  const timer = setInterval(() => socket.write(drip), 200);
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    // The server may leave it to the client to close.
    clearInterval(timer);
    socket.end();
  });
  // A reset may follow the answer, since bytes may still have been on their way.
  socket.on('error', () => clearInterval(timer));
  socket.write(start);
  await new Promise((resolve) => void socket.on('close', resolve));
  clearInterval(timer);
  return text;
}

test('a hundred who are slow with their headers, and a hundred with their bodies, are told so', async () => {
  const answers = await Promise.all(
    Array.from({ length: sockets }, (_, index) => [
      slowly(head(`X-Number: ${index}\r\nX-Slow: `), 'x'),
      slowly(head('Content-Length: 100000\r\n\r\n{"taskName":"'), 'x'),
      slowly(head('Transfer-Encoding: chunked\r\n\r\n'), '1\r\n{\r\n'),
    ]).flat(),
  );
  expect(answers).toHaveLength(3 * sockets);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"requestTimeout"/);
});

describe('bodies at the bounds', () => {
  test.each(extremeBodies.map((each) => [each.name, each] as const))('%s', async (_, extreme) => {
    const client = rawClient(world.server.url);
    const body = Buffer.from(extreme.body());
    const before = await world.server.figures();
    const headers = extreme.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const key = `POST /api/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.key}\r\n${headers}`;
    const bytes = extreme.chunked
      ? [`${key}Transfer-Encoding: chunked\r\n\r\n`, `${body.length.toString(16)}\r\n`, body, '\r\n0\r\n\r\n']
      : [`${key}Content-Length: ${body.length}\r\n\r\n`, body];
    const outcome = await client.send({ bytes, method: 'POST', patienceMs: 30_000 });
    client.close();
    if (outcome.kind !== 'answered') throw new Error(`it is ${outcome.kind}`);
    expect(extreme.statuses).toContain(outcome.answer.status);
    expect(world.judge.judge('POST', '/api/runs', outcome.answer)).toBeUndefined();
    expect((await world.server.figures()).peakRss - before.peakRss).toBeLessThan(growthBytes);
  });

  test.each([
    ['a length that is more than what comes', 'Content-Length: 30\r\n\r\n{"taskName":"Plain"}', 408],
    ['a length that is less', 'Content-Length: 10\r\n\r\n{"taskName":"Plain"}', 400],
    ['two lengths', 'Content-Length: 20\r\nContent-Length: 21\r\n\r\n{"taskName":"Plain"}', 400],
    ['a length and chunks', 'Content-Length: 20\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['a negative length', 'Content-Length: -1\r\n\r\n', 400],
    ['a length of 300,000 and nothing else', 'Content-Length: 300000\r\n\r\n', 413],
  ])('%s', async (_, rest, status) => {
    const client = rawClient(world.server.url);
    const outcome = await client.send({ bytes: [head(rest)], method: 'POST', patienceMs: 30_000 });
    client.close();
    expect(outcome).toMatchObject({ kind: 'answered', answer: { status } });
  });
});

describe('keys', () => {
  const length = 'errand_0123456789abcdef_'.length + 64;
  test.each([0, 1, length - 1, length, length + 1, 255, 4_096, 15_000, 17_000, 100_000, 1024 * 1024])(
    'one of %i characters lets nobody in',
    async (characters) => {
      const client = rawClient(world.server.url);
      for (const header of ['Authorization: Bearer ', 'X-Api-Key: ']) {
        const prefix = characters === length ? world.key.slice(0, -1) : '';
        const bytes = [
          `GET /api/runs HTTP/1.1\r\nHost: localhost\r\n${header}${prefix.padEnd(characters, 'x')}\r\n\r\n`,
        ];
        const outcome = await client.send({ bytes, method: 'GET', patienceMs: 30_000, last: characters > 100_000 });
        // Of a megabyte not all is read: its connection may end before the answer was.
        if (outcome.kind === 'closed' && characters > 100_000) continue;
        if (outcome.kind !== 'answered') throw new Error(`it is ${outcome.kind}`);
        expect(outcome.answer.status).toBe(characters > 16_000 ? 431 : 401);
        expect(world.judge.judge('GET', '/api/runs', outcome.answer)).toBeUndefined();
      }
      client.close();
    },
  );

  test('the right one does', async () => {
    const client = rawClient(world.server.url);
    const bytes = [`GET /api/runs HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: ${world.key}\r\n\r\n`];
    expect(await client.send({ bytes, method: 'GET', patienceMs: 30_000 })).toMatchObject({ answer: { status: 200 } });
    client.close();
  });
});

test('meanwhile somebody else was answered all the time, and nothing was started or broken', async () => {
  const figures = await steady.stop();
  expect(figures).toMatchObject({ answered: figures.sent, problems: [] });
  expect(figures.sent).toBeGreaterThan(50);
  expect(figures.gapMs).toBeLessThan(10_000);
  const { errors, accepted, createdFor } = await world.server.figures();
  expect({ errors, strangers: createdFor.filter((id) => !accepted.includes(id)), accepted: accepted.length }).toEqual({
    errors: [],
    strangers: [],
    accepted: fixtureRuns,
  });
  expect(world.server.ended()).toBeUndefined();
  expect(await world.server.settle()).toEqual([]);
});
