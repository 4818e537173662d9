import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { ErrandError } from '../../src/contract/errors.ts';
import type { AppOptions } from '../../src/http/app-options.ts';
import { createClient } from '../../src/client/client.ts';
import { pushScript, serverHarness, type ServerHarness } from './support/server-harness.ts';

interface Counts {
  /** Bytes of logs that were read. */
  read: number;
  /** Watches of logs that are open. */
  watches: number;
  /** Listeners of runs. */
  listeners: number;
}

/** The options of an app, with what it takes from the parts behind it counted. */
function counted(options: AppOptions, counts: Counts): AppOptions {
  const { artifacts, orchestrator } = options;
  return {
    ...options,
    orchestrator: {
      ...orchestrator,
      onChange: (runId, callback) => {
        counts.listeners += 1;
        const stop = orchestrator.onChange(runId, callback);
        return () => {
          counts.listeners -= 1;
          stop();
        };
      },
    },
    artifacts: {
      describe: artifacts.describe,
      exchange: (attempt) => {
        const exchange = artifacts.exchange(attempt);
        return {
          ...exchange,
          readLog: async (range, given) => {
            const slice = await exchange.readLog(range, given);
            counts.read += slice?.bytes.length ?? 0;
            return slice;
          },
          async *watch(of, given) {
            counts.watches += 1;
            try {
              yield* exchange.watch(of, given);
            } finally {
              counts.watches -= 1;
            }
          },
        };
      },
    },
  };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come about within 10 s`);
    await sleep(20);
  }
}

describe('an event stream', () => {
  const counts: Counts = { read: 0, watches: 0, listeners: 0 };
  let harness: ServerHarness;

  beforeAll(async () => {
    harness = await serverHarness({ app: { heartbeatMs: 300 }, replace: (options) => counted(options, counts) });
    await pushScript(harness.client, 'Quiet', 'echo up; exec sleep 30', { timeouts: { graceSeconds: 1 } });
    await pushScript(harness.client, 'Large', 'head -c 20000000 /dev/zero | tr "\\0" x');
  });
  afterEach(async () => {
    for (const { id } of (await harness.client.list({ states: ['running', 'starting'] })).runs)
      await harness.client.cancel(id);
  });
  afterAll(() => harness.dispose());

  test('gives a sign of life while nothing happens', async () => {
    const { id } = await harness.client.run({ taskName: 'Quiet' });
    const response = await fetch(`${harness.url}/api/runs/${id}/logs?follow`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!/up[^]*\n:\n\n/.test(text)) text += (await reader?.read())?.value ?? '';
    expect(text).toContain('"up\\n"');
    await reader?.cancel();
  });

  test('of a reader who has left lets go of everything at once', async () => {
    const { id } = await harness.client.run({ taskName: 'Quiet' });
    await until(() => counts.listeners === 0, 'the end of earlier streams');
    const leave = new AbortController();
    const streams = await Promise.all(
      Array.from({ length: 5 }, () => fetch(`${harness.url}/api/runs/${id}/logs?follow`, { signal: leave.signal })),
    );
    const readers = streams.map((stream) => stream.body?.pipeThrough(new TextDecoderStream()).getReader());
    for (const reader of readers)
      for (let text = ''; !text.includes('up');) text += (await reader?.read())?.value ?? '';
    await until(() => counts.watches === 5, 'five watches');
    expect(counts.listeners).toBe(5);
    leave.abort();
    await until(() => counts.watches === 0 && counts.listeners === 0, 'the end of all watches and listeners');
  });

  test('of a reader who does not read does not read the log into memory', async () => {
    const { id } = await harness.client.run({ taskName: 'Large' });
    await harness.client.wait(id);
    counts.read = 0;
    const socket = connect(Number(new URL(harness.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.pause();
    socket.write(`GET /api/runs/${id}/logs?follow HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await sleep(1_500);
    const whileStopped = counts.read;
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.resume();
    await until(() => bytes > 20_000_000, 'the whole log');
    socket.destroy();
    // What the kernel's two socket buffers and one chunk hold, and no more.
    expect(whileStopped).toBeGreaterThan(0);
    expect(whileStopped).toBeLessThan(12_000_000);
    expect(counts.read).toBe(20_000_000);
  });

  test('of a download that stops reading neither', async () => {
    const { runs } = await harness.client.list({ task: 'Large' });
    counts.read = 0;
    const response = await fetch(`${harness.url}/api/runs/${runs[0]?.id}/logs`);
    const reader = response.body?.getReader();
    await reader?.read();
    await sleep(500);
    expect(counts.read).toBeLessThan(12_000_000);
    await reader?.cancel();
  });
});

describe('a log that cannot be read', () => {
  let harness: ServerHarness;
  let id: string;
  /** How many of its pieces can still be read; undefined where all can. */
  let readable: number | undefined;
  beforeAll(async () => {
    harness = await serverHarness({
      replace: (options) => ({
        ...options,
        artifacts: {
          describe: options.artifacts.describe,
          exchange: (attempt) => {
            const exchange = options.artifacts.exchange(attempt);
            return {
              ...exchange,
              readLog: async (range, given) => {
                if (range.length === 0 || readable === undefined) return exchange.readLog(range, given);
                readable -= 1;
                if (readable < 0) throw new ErrandError('artifactsUnavailable', 'the disk is away');
                return exchange.readLog(range, given);
              },
            };
          },
        },
      }),
    });
    await pushScript(harness.client, 'Print', 'head -c 200000 /dev/zero | tr "\\0" x');
    ({ id } = await harness.client.run({ taskName: 'Print' }));
    await harness.client.wait(id);
  });
  afterAll(() => harness.dispose());

  const read = (count: number | undefined): Promise<Response> => {
    readable = count;
    return fetch(`${harness.url}/api/runs/${id}/logs`);
  };

  test('is an outage in the words of the interface, and not an answer that breaks off', async () => {
    const answer = await read(0);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'artifactsUnavailable' }),
    ]);
    expect((await (await read(undefined)).text()).length).toBe(200_000);
  });

  test.each([1, 2, 3])('beyond its piece %i breaks off, and is not an answer of another kind', async (count) => {
    const answer = await read(count);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow('terminated');
  });
});

test('a stream with a time limit ends with a word to come back, and coming back loses nothing', async () => {
  const harness = await serverHarness({ app: { streamSeconds: 0.4 } });
  await pushScript(harness.client, 'Count', 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done');
  const { id } = await harness.client.run({ taskName: 'Count' });
  const one = await (await fetch(`${harness.url}/api/runs/${id}/logs?follow`)).text();
  expect(one).toMatch(/retry: 1000\n\n$/);
  expect(one).not.toContain('event: end');
  let text = '';
  for await (const chunk of harness.client.logs(id)) text += chunk.text;
  expect(text).toBe('1\n2\n3\n4\n5\n6\n');
  await harness.dispose();
});

test('a reader follows through a restart of the server, without a byte lost or repeated', async () => {
  const first = await serverHarness();
  const port = Number(new URL(first.url).port);
  await pushScript(first.client, 'Count', 'for i in 1 2 3 4 5 6 7 8; do echo "line $i"; sleep 0.25; done');
  const { id } = await first.client.run({ taskName: 'Count' });
  const client = createClient({ url: first.url });
  let text = '';
  let second: ServerHarness | undefined;
  const restart = async (): Promise<void> => {
    await first.stop();
    second = await serverHarness({ directory: first.directory, server: { port } });
  };
  let restarting: Promise<void> | undefined;
  for await (const chunk of client.logs(id)) {
    text += chunk.text;
    restarting ??= restart();
  }
  await restarting;
  expect(text).toBe(Array.from({ length: 8 }, (_, index) => `line ${index + 1}\n`).join(''));
  expect((await client.get(id)).state).toBe('succeeded');
  await second?.dispose();
});
