import { SpanKind } from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { logFields } from '../../src/core/log-fields.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { memoryTelemetry, type MemoryTelemetry } from '../support/memory-telemetry.ts';
import { appOf } from './support/app-of.ts';

let telemetry: MemoryTelemetry;
beforeEach(() => {
  telemetry = memoryTelemetry();
});
afterEach(() => telemetry.close());

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const caller = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
const at = (path: string): string => `http://localhost:7070${path}`;

test('a request is a span below its caller, named by its route, and without its query', async () => {
  const headers = { ...caller, 'user-agent': 'curl/8', 'x-request-id': 'mine' };
  await appOf().request(at('/healthz?code=hunter2'), { headers });
  const [span] = telemetry.spans();
  expect(span).toMatchObject({
    name: 'GET /healthz',
    kind: SpanKind.SERVER,
    parentSpanContext: { traceId, spanId: '00f067aa0ba902b7', isRemote: true },
    status: { code: 0 },
  });
  expect(span?.attributes).toEqual({
    'http.request.method': 'GET',
    'http.route': '/healthz',
    'url.scheme': 'http',
    'url.path': '/healthz',
    'server.address': 'localhost',
    'server.port': 7070,
    'user_agent.original': 'curl/8',
    'errand.request.id': 'mine',
    'http.response.status_code': 200,
  });
});

test('one that fails says so, and what is logged meanwhile belongs to it', async () => {
  const logged: Record<string, string>[] = [];
  const logger = { ...silentLogger, error: () => void logged.push(logFields()) };
  const storage = { countOpen: () => Promise.reject(new Error('gone')) };
  await appOf({ logger, storage }).request(at('/metrics'), { headers: caller });
  const [span] = telemetry.spans();
  expect(span).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': '500' } });
  expect(logged).toEqual([{ trace_id: traceId, span_id: span?.spanContext().spanId, trace_flags: '01' }]);
});

test('one that is refused is no failure of ours', async () => {
  await appOf({}, { keys: { find: () => undefined } }).request(at('/api/runs'));
  expect(telemetry.spans()).toMatchObject([
    { name: 'GET /api/runs', status: { code: 0 }, attributes: { 'http.response.status_code': 401 } },
  ]);
});

test.each([
  ['a traceparent that is not valid', { traceparent: caller.traceparent.toUpperCase() }],
  ['two of them', { traceparent: `${caller.traceparent}, ${caller.traceparent}` }],
  ['none', {}],
])('%s begins a trace', async (_, headers: Record<string, string>) => {
  await appOf().request(at('/healthz'), { headers });
  const [span] = telemetry.spans();
  expect(span?.parentSpanContext).toBeUndefined();
  expect(span?.spanContext().traceId).not.toBe(traceId);
});

test('an address that there is not leaves none', async () => {
  await appOf().request(at('/nowhere'));
  expect(telemetry.spans()).toEqual([]);
});

test('where the host tells of requests itself, ours is inside of that', async () => {
  await appOf({}, { requestSpan: 'internal' }).request(at('/healthz'));
  expect(telemetry.spans()).toMatchObject([{ kind: SpanKind.INTERNAL }]);
});
