import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ErrandError } from '../../src/contract/errors.ts';
import { observedDriver } from '../../src/core/observed-driver.ts';
import { orchestrator } from '../../src/core/orchestrator.ts';
import { NoCapacity, StartRefused, type RunnerDriver } from '../../src/core/ports/runner-driver.ts';
import { runMetrics } from '../../src/core/run-metrics.ts';
import { parseTraceContext, traceIdOf, type TraceContext } from '../../src/core/trace-context.ts';
import { memoryTelemetry, type MemoryTelemetry } from '../support/memory-telemetry.ts';
import { request, startErrand, type Errand } from './support/errand.ts';

let telemetry: MemoryTelemetry;

beforeEach(() => {
  telemetry = memoryTelemetry();
});
afterEach(() => telemetry.close());

const parent = parseTraceContext('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01') as TraceContext;

async function accepted(errand: Errand, traceContext: TraceContext | undefined = parent, key?: string) {
  const { run } = await errand.orchestrator.accept(request('Demo'), {
    principal: 'ann',
    idempotencyKey: key,
    traceContext,
  });
  await errand.settle();
  return run;
}

function named(name: string): ReadableSpan[] {
  return telemetry.spans().filter((span) => span.name === name);
}

async function counted(name: string): Promise<[attributes: Record<string, unknown>, value: unknown][]> {
  return (await telemetry.points()).filter((point) => point.name === name).map((each) => [each.attributes, each.value]);
}

describe('an attempt', () => {
  test('is told once, though several look at it at once', async () => {
    const errand = await startErrand();
    const { id } = await accepted(errand);
    const others = await Promise.all([1, 2, 3].map(async () => orchestrator((await errand.start()).context)));
    const name = await errand.container(id);
    errand.platform.boot(name);
    errand.platform.finish(name, 0);
    const everybody = [errand.orchestrator, errand.orchestrator, ...others];
    await Promise.all(everybody.map((each) => each.onEvent(id)));
    await errand.settle();
    for (const other of others) await other.close();
    expect((await errand.run(id)).state).toBe('succeeded');
    // More than one has tried to record it: only who has won tells it.
    expect(named('settle').filter(({ attributes }) => attributes['errand.step'] === 'settle').length).toBeGreaterThan(
      1,
    );
    expect(named('attempt')).toHaveLength(1);
    expect(named('queue')).toHaveLength(1);
  });

  test('has spans at the times of its record, below the acceptance of the run, and below those nothing else', async () => {
    const errand = await startErrand();
    const { id, traceContext } = await accepted(errand);
    await errand.advance(5_000);
    const { attempts } = await errand.runToEnd(id);
    const [attempt] = named('attempt');
    expect(attempt?.spanContext().traceId).toBe(traceIdOf(parent));
    expect(attempt?.parentSpanContext?.spanId).toBe(traceContext?.traceparent.split('-')[2]);
    expect(millis(attempt?.startTime)).toBe(Date.parse(attempts[0]?.openedAt ?? ''));
    expect(millis(attempt?.endTime)).toBe(Date.parse(attempts[0]?.endedAt ?? ''));
    const inner = telemetry
      .spans()
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === attempt?.spanContext().spanId);
    expect(inner.map((span) => span.name)).toEqual(['create', 'start', 'run', 'settle']);
    expect(millis(inner[0]?.startTime)).toBe(millis(attempt?.startTime));
    expect(millis(inner.at(-1)?.endTime)).toBe(millis(attempt?.endTime));
  });

  test('that another one follows is counted as retried, and each has its own spans', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'Demo', retry: { maxAttempts: 2, on: ['exitCode'], exitCodes: [75] } });
    const { id } = await accepted(errand);
    await errand.runToEnd(id, 75);
    await errand.advance(10_000);
    await errand.runToEnd(id, 0);
    expect((await errand.run(id)).state).toBe('succeeded');
    expect(named('attempt').map(({ attributes }) => [attributes['errand.attempt'], attributes['error.type']])).toEqual([
      [1, 'exitCode'],
      [2, undefined],
    ]);
    expect(await counted('errand.run.retries')).toEqual([[{ 'errand.task': 'Demo', 'errand.reason': 'exitCode' }, 1]]);
    // The second one waited since the end of the first.
    const [first, second] = (await errand.run(id)).attempts;
    expect(named('queue').map(({ startTime, endTime }) => [millis(startTime), millis(endTime)])[1]).toEqual([
      Date.parse(first?.endedAt ?? ''),
      Date.parse(second?.openedAt ?? ''),
    ]);
  });
});

describe('a request', () => {
  test('that was made before is linked to the run that came of it, and its record stays as it was', async () => {
    const errand = await startErrand();
    const first = await accepted(errand, parent, 'key');
    const other = parseTraceContext('00-0000000000000000000000000000000a-000000000000000b-01');
    const second = await accepted(errand, other, 'key');
    expect(second.traceContext).toEqual(first.traceContext);
    const [, replay] = named('accept');
    expect(replay?.spanContext().traceId).toBe('0000000000000000000000000000000a');
    expect(replay?.links.map((link) => link.context.traceId)).toEqual([traceIdOf(parent)]);
    expect(await counted('errand.run.requests')).toEqual([
      [{ 'errand.outcome': 'created', 'errand.task': 'Demo' }, 1],
      [{ 'errand.outcome': 'replayed', 'errand.task': 'Demo' }, 1],
    ]);
  });

  test('for a rerun is a trace of its own, with a link to the one of the earlier run', async () => {
    const errand = await startErrand();
    const first = await accepted(errand);
    await errand.runToEnd(first.id);
    const again = { parameters: [], version: 'latest' as const };
    const { run } = await errand.orchestrator.rerun(first.id, again, { principal: 'ann' });
    await errand.settle();
    expect(traceIdOf(run.traceContext as TraceContext)).not.toBe(traceIdOf(parent));
    expect(named('accept')[1]?.links.map((link) => link.context.traceId)).toEqual([traceIdOf(parent)]);
  });

  test('that is refused is counted by its code, without the name that it gives, and is no error of ours', async () => {
    const errand = await startErrand();
    const asked = errand.orchestrator.accept(request('Nowhere'), { principal: 'ann' });
    await expect(asked).rejects.toThrow(ErrandError);
    expect(await counted('errand.run.requests')).toEqual([[{ 'errand.outcome': 'taskNotFound' }, 1]]);
    expect(named('accept')[0]).toMatchObject({ attributes: { 'error.type': 'taskNotFound' }, status: { code: 0 } });
  });
});

test('a run whose caller does not want it sampled leaves no span and hands that on', async () => {
  const errand = await startErrand();
  const { id, traceContext } = await accepted(errand, {
    traceparent: parent.traceparent.replace(/01$/, '00'),
  });
  await errand.runToEnd(id);
  expect(telemetry.spans()).toEqual([]);
  expect(traceContext?.traceparent).toMatch(/-00$/);
  expect(await counted('errand.run.ended')).toHaveLength(1);
});

test('a run that is canceled while it waits has ended, once', async () => {
  const errand = await startErrand();
  errand.platform.maximumRunners = 1;
  await accepted(errand);
  const { id } = await accepted(errand);
  await errand.orchestrator.cancel(id, 'ann');
  await errand.orchestrator.cancel(id, 'ann');
  await errand.settle();
  expect(await counted('errand.run.ended')).toEqual([
    [{ 'errand.task': 'Demo', 'errand.run.state': 'canceled', 'errand.reason': 'canceled' }, 1],
  ]);
  expect(await counted('errand.platform.runners.available')).toEqual([
    [{ 'errand.platform': 'scripted', 'errand.place': 'local' }, 0],
  ]);
});

test('a platform that does not answer, refuses or has no room is counted; that nobody wants it any more is not', async () => {
  const errand = await startErrand();
  const { driver } = errand.process.context;
  const unwanted = AbortSignal.abort();
  const failures: Record<string, Error> = {
    errand: new ErrandError('platformUnavailable', 'the platform is gone'),
    refused: new StartRefused('imageUnavailable', 'no such image', { permanent: true }),
    full: new NoCapacity('full'),
    other: new RangeError('whatever'),
  };
  const observe: RunnerDriver['observe'] = (name) => Promise.reject(failures[name] ?? new Error(name));
  const observed = observedDriver({ ...driver, name: 'broken', observe }, runMetrics());
  for (const name of Object.keys(failures)) await expect(observed.observe(name)).rejects.toBe(failures[name]);
  await expect(observed.observe('other', { signal: unwanted })).rejects.toBe(failures['other']);
  const failed = (type: string) => [
    { 'errand.platform': 'broken', 'errand.driver.operation': 'observe', 'error.type': type },
    1,
  ];
  const types = ['platformUnavailable', 'imageUnavailable', 'noCapacity', 'RangeError'];
  expect(await counted('errand.driver.errors')).toEqual(types.map(failed));
});

test('a step that fails is told with its kind and without its words', async () => {
  const errand = await startErrand();
  const { id } = await accepted(errand);
  errand.platform.boot(await errand.container(id));
  errand.fail = (call) => {
    if (call === 'exchange.fence') throw new RangeError('hunter2');
  };
  await expect(errand.orchestrator.onEvent(id)).rejects.toThrow('hunter2');
  expect(named('look')[0]).toMatchObject({ attributes: { 'error.type': 'RangeError' }, status: { code: 2 } });
  expect(JSON.stringify(telemetry.spans().map(({ attributes, events, status }) => [attributes, events, status])))
    .not //
    .toContain('hunter2');
});

function millis(time: ReadableSpan['startTime'] | undefined): number {
  return time === undefined ? Number.NaN : time[0] * 1_000 + time[1] / 1e6;
}
