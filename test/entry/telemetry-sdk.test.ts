import { metrics, trace } from '@opentelemetry/api';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { telemetryConfig } from '../../src/entry/telemetry/telemetry-config.ts';
import { startTelemetrySdk, type Telemetry } from '../../src/entry/telemetry/telemetry-sdk.ts';

type Answer = 'success' | 'failure' | 'silence';

/** An exporter that answers as it is told to, and keeps what it was given. */
function exporter(): SpanExporter & { answer: Answer; got: string[] } {
  const self: SpanExporter & { answer: Answer; got: string[] } = {
    answer: 'success',
    got: [],
    export: (spans: ReadableSpan[], done) => {
      self.got.push(...spans.map(({ name }) => name));
      if (self.answer !== 'silence')
        done({
          code: self.answer === 'success' ? 0 : 1,
          ...(self.answer === 'failure' ? { error: new Error('no') } : {}),
        });
    },
    shutdown: () => Promise.resolve(),
  };
  return self;
}

const told: string[] = [];
const logger: Logger = {
  debug: () => {},
  info: (_, message) => void told.push(`info ${message}`),
  warn: (_, message) => void told.push(`warn ${message}`),
  error: (_, message) => void told.push(`error ${message}`),
};

let running: Telemetry | undefined;
afterEach(async () => {
  await running?.close(100);
  told.length = 0;
});

function start(spans: SpanExporter, metricExporters: PushMetricExporter[] = []): Telemetry {
  running = startTelemetrySdk({
    spanExporters: [spans],
    metricExporters,
    metricIntervalMs: 60_000,
    metricTimeoutMs: 30_000,
    serviceName: 'errand',
    version: '1.2.3',
    clock: systemClock,
    logger,
  });
  return running;
}

const span = (name: string): void => trace.getTracer('test').startSpan(name).end();

describe('what is exported', () => {
  test('is told of once where it fails, and once where it works again', async () => {
    const out = exporter();
    const telemetry = start(out);
    out.answer = 'failure';
    for (const name of ['a', 'b']) {
      span(name);
      expect(await telemetry.flush('spans', 20_000)).toBe(false);
    }
    out.answer = 'success';
    for (const name of ['c', 'd']) {
      span(name);
      expect(await telemetry.flush('spans', 20_000)).toBe(true);
    }
    expect(out.got).toEqual(['a', 'b', 'c', 'd']);
    expect(told.map((line) => line.slice(0, 40))).toEqual([
      'warn spans could not be exported and are',
      'info spans are exported again',
    ]);
  });

  test('is not waited for beyond its time, by a flush or at the end', async () => {
    const out = exporter();
    const telemetry = start(out);
    out.answer = 'silence';
    span('a');
    const before = performance.now();
    expect(await telemetry.flush('all', 50)).toBe(false);
    span('b');
    await telemetry.close(50);
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(out.got).toContain('a');
  });

  test('leaves the API as it was without an SDK', async () => {
    await start(exporter()).close(1_000);
    expect(trace.getTracer('test').startSpan('late').isRecording()).toBe(false);
    expect(metrics.getMeter('test').createCounter('late').constructor.name).toMatch(/^Noop/);
  });
});

describe('the variables', () => {
  const of = (from: Record<string, string>, applicationInsights = false) =>
    telemetryConfig(from, { applicationInsights });
  const address = 'http://127.0.0.1:4318';

  test.each([
    [{}, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, undefined],
    [{ OTEL_SERVICE_NAME: 'a' }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: address, OTEL_SDK_DISABLED: 'TRUE' }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: address }, { traces: true, metrics: true }],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: address }, { traces: true, metrics: false }],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: address }, { traces: false, metrics: true }],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: address, OTEL_METRICS_EXPORTER: 'none' },
      { traces: true, metrics: false },
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: address, OTEL_TRACES_EXPORTER: 'console, otlp' },
      { traces: true, metrics: true },
    ],
    [{ APPLICATIONINSIGHTS_CONNECTION_STRING: 'InstrumentationKey=x' }, undefined],
  ])('%j', (from: Record<string, string>, otlp) => {
    expect(of(from)?.otlp).toEqual(otlp);
  });

  test('of Application Insights count where they are asked for', () => {
    const set = { APPLICATIONINSIGHTS_CONNECTION_STRING: 'InstrumentationKey=x' };
    expect(of(set, true)).toMatchObject({
      applicationInsights: 'InstrumentationKey=x',
      otlp: { traces: false, metrics: false },
    });
    expect(of({ ...set, OTEL_SDK_DISABLED: 'true' }, true)).toBeUndefined();
  });

  test('that are not valid are all named', () => {
    expect(() => of({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector', OTEL_METRIC_EXPORT_INTERVAL: '-1' })).toThrow(
      /OTEL_EXPORTER_OTLP_ENDPOINT.*OTEL_METRIC_EXPORT_INTERVAL/,
    );
  });

  test.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, undefined],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'grpc'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' }, 'grpc'],
    [{ OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json' }, 'http/json'],
  ])('a protocol that is not spoken is noticed: %j', (from: Record<string, string>, unknown) => {
    expect(of({ OTEL_EXPORTER_OTLP_ENDPOINT: address, ...from })?.unknownProtocol).toBe(unknown);
  });
});
