import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { ensureBusyboxImage } from '../support/images.ts';
import { startOtlpCollector, type CollectedSpan, type OtlpCollector } from '../support/otlp-collector.ts';
import { cleanEnvironment, cliFile } from './support/cli.ts';
import { freePort } from '../support/listen.ts';

interface Serving {
  client: Client;
  url: string;
  /** Its log so far, a line an object. */
  log(): Record<string, unknown>[];
  /** As SIGTERM does. Answers with the exit code. */
  stop(): Promise<number | null>;
}

let directory: string;
let collector: OtlpCollector;
const serving: Serving[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-telemetry-'));
  collector = await startOtlpCollector();
});
afterEach(async () => {
  for (const each of serving.splice(0)) await each.stop();
  await collector.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

async function serve(environment: Record<string, string>, nodeOptions: readonly string[] = []): Promise<Serving> {
  const child = spawn(process.execPath, [...nodeOptions, cliFile, 'serve', '--json'], {
    cwd: directory,
    env: cleanEnvironment({ ERRAND_PORT: '0', ERRAND_DATA_DIR: directory, ...environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  let output = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ready = new Promise<void>((resolve) =>
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('\n')) resolve();
    }),
  );
  await Promise.race([
    ready,
    exited.then(([code]) => Promise.reject(new Error(`errand serve ended with ${code}: ${errors}`))),
  ]);
  const { url } = JSON.parse(output) as { url: string };
  const started: Serving = {
    client: createClient({ url, apiKey: undefined }),
    url,
    log: () =>
      errors
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await exited;
      return code;
    },
  };
  serving.push(started);
  return started;
}

const caller = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };
const traceparent = `00-${caller.trace}-${caller.span}-01`;
const quickly = { OTEL_BSP_SCHEDULE_DELAY: '50', OTEL_METRIC_EXPORT_INTERVAL: '1000' };

async function push(client: Client, taskName: string, dockerImage: string, script: string, more = {}): Promise<void> {
  const document = { taskName, dockerImage, scriptName: `${taskName}.sh`, ...more };
  await client.push(taskName, document, { executable: new Blob([`#!/bin/sh\n${script}\n`]) });
}

async function post(url: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${url}/api/runs`, {
    method: 'POST',
    body: JSON.stringify({ taskName: 'Traced' }),
    headers: { 'Content-Type': 'application/json', ...headers },
  });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

async function toEnd(url: string, id: string): Promise<{ state: string; traceId?: string }> {
  for (let tries = 0; tries < 20; tries += 1) {
    const run = (await (await fetch(`${url}/api/runs/${id}?wait=10`)).json()) as { state: string; traceId?: string };
    if (/succeeded|failed|timedOut|lost/.test(run.state)) return run;
  }
  throw new Error(`the run ${id} does not end`);
}

async function logOf(url: string, id: string): Promise<string> {
  return (await fetch(`${url}/api/runs/${id}/logs`)).text();
}

/** The tree below a span, as indented names. */
function drawn(spans: readonly CollectedSpan[], parent: string, depth = 0): string[] {
  return (
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      // Those that begin at once are in the order in which they ended.
      .toSorted((a, b) => a.from - b.from)
      .flatMap((span) => [`${'  '.repeat(depth)}${span.name}`, ...drawn(spans, span.spanId, depth + 1)])
  );
}

function suite(settings: () => Promise<{ environment: Record<string, string>; image: string }>): void {
  test('one trace goes from the request through the steps and the phases of the runner to the task', async () => {
    const { environment, image } = await settings();
    const { client, url, stop } = await serve({
      ...environment,
      ...quickly,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    });
    await push(client, 'Traced', image, 'echo "parent is $TRACEPARENT, state is $TRACESTATE"; sleep 0.3; exit 3');
    const id = await post(url, { traceparent, tracestate: 'vendor=1' });
    expect(await toEnd(url, id)).toMatchObject({ state: 'failed', traceId: caller.trace });
    const log = await logOf(url, id);
    await collector.until('closing of the run', (spans) =>
      spans.some(({ name, traceId }) => name === 'close' && traceId === caller.trace),
    );
    expect(await stop()).toBe(0);

    const mine = collector.spans.filter(({ traceId }) => traceId === caller.trace);
    const one = (name: string): CollectedSpan => {
      const [found, ...more] = mine.filter((span) => span.name === name);
      if (found === undefined || more.length > 0)
        throw new Error(`there is not one ${name} among ${JSON.stringify(mine.map((span) => span.name))}`);
      return found;
    };
    const request = one('POST /api/runs');
    expect(request).toMatchObject({
      parentSpanId: caller.span,
      kind: 2,
      service: 'errand',
      isError: false,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/api/runs',
        'url.path': '/api/runs',
        'url.scheme': 'http',
        'http.response.status_code': 202,
        'server.address': '127.0.0.1',
      },
    });
    const accept = one('accept');
    expect(accept.parentSpanId).toBe(request.spanId);
    const attempt = one('attempt');
    expect(attempt).toMatchObject({
      parentSpanId: accept.spanId,
      isError: true,
      attributes: {
        'errand.run.id': id,
        'errand.task': 'Traced',
        'errand.attempt': 1,
        'errand.reason': 'exitCode',
        'process.exit.code': 3,
        'error.type': 'exitCode',
      },
    });
    const phases = drawn(mine, attempt.spanId);
    expect(phases).toEqual(['create', 'start', 'fetch', 'run', 'settle']);
    expect(one('run').to - one('run').from).toBeGreaterThanOrEqual(300);
    // Steps stand below the acceptance, as does what they created.
    for (const step of ['queue', 'openAttempt', 'apply', 'settle', 'removeContainer', 'releaseSlots', 'close'])
      expect(drawn(mine, accept.spanId).map((line) => line.trim())).toContain(step);
    const create = one('createContainer');
    expect(create).toMatchObject({ parentSpanId: accept.spanId, kind: 4 });
    expect(log).toContain(`parent is 00-${caller.trace}-${create.spanId}-01, state is vendor=1`);
    // No look without a step leaves a span.
    expect(mine.map(({ name }) => name)).not.toContain('wait');
  });
}

describe('with processes', () => {
  suite(async () => ({ environment: { ERRAND_DRIVER: 'process' }, image: 'busybox' }));
});

describeWithDocker('with containers', () => {
  suite(async () => ({
    environment: { ERRAND_DRIVER: 'docker', DOCKER_HOST: dockerHost() },
    image: await ensureBusyboxImage(dockerClient(dockerHost())),
  }));
});

describe('a server', () => {
  const plainly = { ERRAND_DRIVER: 'process', ERRAND_LOG_LEVEL: 'debug' };
  const script = 'echo "$TRACEPARENT."';

  async function loaded(environment: Record<string, string>): Promise<string[]> {
    const file = join(directory, 'loaded');
    const hooks = pathToFileURL(join(import.meta.dirname, '../support/loaded-modules.ts')).href;
    const { stop } = await serve({ ...plainly, ...environment, LOADED_MODULES: file }, ['--import', hooks]);
    expect(await stop()).toBe(0);
    const packages = [
      ...(await readFile(file, 'utf8')).matchAll(/node_modules\/(@opentelemetry\/[^/]+|@azure\/monitor[^/]+)\//g),
    ];
    return [...new Set(packages.map(([, name = '']) => name))].toSorted();
  }

  test.each([
    ['without variables', {}],
    ['with the SDK switched off', { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [
      'with no exporter wanted',
      {
        OTEL_TRACES_EXPORTER: 'none',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      },
    ],
    [
      'with what is for the function app',
      { APPLICATIONINSIGHTS_CONNECTION_STRING: 'InstrumentationKey=00000000-0000-4000-8000-000000000000' },
    ],
  ])('%s loads the API and no SDK', async (_, environment) => {
    expect(await loaded(environment)).toEqual(['@opentelemetry/api']);
  });

  test('with an address loads what exports, and nothing for Azure', async () => {
    const packages = await loaded({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces` });
    expect(packages).toContain('@opentelemetry/sdk-trace-base');
    expect(packages.filter((name) => name.startsWith('@azure'))).toEqual([]);
  });

  test('without an SDK hands the trace of its caller on as it is, and nothing where there is none or a wrong one', async () => {
    const { client, url } = await serve(plainly);
    await push(client, 'Traced', 'busybox', script);
    const said = async (headers: Record<string, string>): Promise<string> => {
      const id = await post(url, headers);
      await toEnd(url, id);
      return logOf(url, id);
    };
    expect(await said({ traceparent })).toContain(`${traceparent}.`);
    expect(await said({})).toMatch(/^\.$/m);
    expect(await said({ traceparent: traceparent.replace('00-', 'ff-') })).toMatch(/^\.$/m);
    expect(collector.received).toEqual([]);
  });

  test('names run and trace in the lines of its log', async () => {
    const { client, url, log, stop } = await serve({
      ...plainly,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_METRICS_EXPORTER: 'none',
    });
    // Instead of the log the task leaves a directory, which is not taken: the log of Errand says so.
    const spoil = 'log=$(dirname "$ERRAND_OUTPUT")/log; rm -f "$log"; mkdir "$log"';
    await push(client, 'Traced', 'busybox', spoil);
    const id = await post(url, { traceparent });
    await toEnd(url, id);
    expect(await stop()).toBe(0);
    const lines = log().filter(({ runId }) => runId === id);
    expect(lines).not.toEqual([]);
    for (const line of lines)
      expect(line).toMatchObject({ trace_id: caller.trace, span_id: expect.stringMatching(/^[0-9a-f]{16}$/) });
  });

  test('counts requests, outcomes and times, and tells how much room is left', async () => {
    const of = (name: string, attributes: Record<string, unknown> = {}) =>
      collector.points.filter(
        (point) =>
          point.name === name && Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
      );
    const { client, url, stop } = await serve({
      ...plainly,
      ERRAND_MAX_RUNNERS: '7',
      ...quickly,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${collector.url}/v1/metrics`,
    });
    await push(client, 'Traced', 'busybox', 'exit 1', {
      retry: { maxAttempts: 2, on: ['exitCode'], exitCodes: [1], backoff: { initialSeconds: 1 } },
    });
    const id = await post(url, { 'Idempotency-Key': 'once' });
    expect(await post(url, { 'Idempotency-Key': 'once' })).toBe(id);
    const absent = await fetch(`${url}/api/runs`, { method: 'POST', body: Buffer.from('{"taskName":"Absent"}') });
    expect(absent.status).toBe(404);
    await toEnd(url, id);
    const room = { 'errand.platform': 'process', 'errand.place': 'local' };
    await expect
      .poll(() => of('errand.platform.runners.available', room).map(({ value }) => value), { timeout: 20_000 })
      .toEqual([7]);
    expect(await stop()).toBe(0);
    const task = { 'errand.task': 'Traced' };
    expect(of('errand.run.requests', { ...task, 'errand.outcome': 'created' })).toMatchObject([
      { value: 1, unit: '{request}' },
    ]);
    expect(of('errand.run.requests', { ...task, 'errand.outcome': 'replayed' })).toMatchObject([{ value: 1 }]);
    expect(of('errand.run.requests', { 'errand.outcome': 'taskNotFound' })).toMatchObject([
      { value: 1, attributes: { 'errand.outcome': 'taskNotFound' } },
    ]);
    expect(of('errand.run.retries')).toMatchObject([
      { value: 1, attributes: { ...task, 'errand.reason': 'exitCode' } },
    ]);
    expect(of('errand.run.ended')).toMatchObject([
      { value: 1, attributes: { ...task, 'errand.run.state': 'failed', 'errand.reason': 'exitCode' } },
    ]);
    expect(of('errand.run.duration')).toMatchObject([{ value: 1, unit: 's' }]);
    expect(of('errand.run.queue.duration', task)).toMatchObject([{ value: 2 }]);
    for (const phase of ['create', 'start', 'fetch', 'run', 'settle'])
      expect(
        of('errand.attempt.phase.duration', { ...task, 'errand.phase': phase, 'errand.platform': 'process' }),
      ).toMatchObject([{ value: 2, unit: 's' }]);
    expect(
      of('http.server.request.duration', { 'http.route': '/api/runs', 'http.response.status_code': 202 }),
    ).toMatchObject([{ value: 2, unit: 's' }]);
    // An id in a label would make a time series for each run.
    expect(JSON.stringify(collector.points)).not.toContain(id);
  });

  test('whose collector is down runs tasks as ever, says so once, and stops in time', async () => {
    const port = await freePort();
    const { client, url, log, stop } = await serve({
      ...plainly,
      ...quickly,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '150',
    });
    await push(client, 'Traced', 'busybox', 'sleep 2');
    const id = await post(url);
    expect(await toEnd(url, id)).toMatchObject({ state: 'succeeded' });
    const before = performance.now();
    expect(await stop()).toBe(0);
    expect(performance.now() - before).toBeLessThan(20_000);
    const told = log().filter(({ msg }) => /could not be exported/.test(String(msg)));
    expect(told).toHaveLength(2);
    expect(new Set(told.map(({ msg }) => String(msg).split(' ')[0]))).toEqual(new Set(['metrics', 'spans']));
  });
});
