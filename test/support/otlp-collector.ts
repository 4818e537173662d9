import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

import protobuf from 'protobufjs';
import { listen } from './listen.ts';

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  /** Empty where it has none. */
  parentSpanId: string;
  name: string;
  kind: number;
  /** Milliseconds since the epoch. */
  from: number;
  to: number;
  attributes: Record<string, unknown>;
  links: string[];
  isError: boolean;
  service: unknown;
}

export interface CollectedPoint {
  name: string;
  unit: string;
  attributes: Record<string, unknown>;
  /** Of a sum or gauge; of a histogram how many values there were. */
  value: number;
  /** Of a histogram. */
  sum?: number;
}

export interface OtlpCollector {
  url: string;
  spans: CollectedSpan[];
  /** Of the last export. */
  points: CollectedPoint[];
  /** All that was ever received, as it came. */
  received: Buffer[];
  /** Looks until there is such a span. */
  until(what: string, isThere: (spans: readonly CollectedSpan[]) => boolean): Promise<void>;
  close(): Promise<void>;
}

/** Takes OTLP over HTTP in protobuf, as a collector does at port 4318. The parts of the messages that tests look at; others are passed over. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const points: CollectedPoint[] = [];
  const received: Buffer[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await buffer(request);
      received.push(body);
      if (request.url === '/v1/traces') spans.push(...readSpans(body));
      if (request.url === '/v1/metrics') points.splice(0, points.length, ...readPoints(body));
      response.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end();
    })();
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    points,
    received,
    until: async (what, isThere) => {
      for (let tries = 0; tries < 300; tries += 1) {
        if (isThere(spans)) return;
        await pause(100);
      }
      throw new Error(`no ${what} among ${JSON.stringify(spans.map(({ name }) => name))}`);
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Fields of opentelemetry-proto 1.x by their numbers: https://github.com/open-telemetry/opentelemetry-proto */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Value { oneof value { string text = 1; bool flag = 2; int64 whole = 3; double number = 4; } }
  message Pair { string key = 1; Value value = 2; }
  message Resource { repeated Pair attributes = 1; }
  message Link { bytes traceId = 1; bytes spanId = 2; }
  message Status { int32 code = 3; }
  message Span {
    bytes traceId = 1; bytes spanId = 2; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
    fixed64 from = 7; fixed64 to = 8; repeated Pair attributes = 9; repeated Link links = 13; Status status = 15;
  }
  message ScopeSpans { repeated Span spans = 2; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopes = 2; }
  message Traces { repeated ResourceSpans resources = 1; }
  message NumberPoint { oneof value { double number = 4; sfixed64 whole = 6; } repeated Pair attributes = 7; }
  message HistogramPoint { fixed64 count = 4; double sum = 5; repeated Pair attributes = 9; }
  message Numbers { repeated NumberPoint points = 1; }
  message Histogram { repeated HistogramPoint points = 1; }
  message Metric { string name = 1; string unit = 3; Numbers gauge = 5; Numbers sum = 7; Histogram histogram = 9; }
  message ScopeMetrics { repeated Metric metrics = 2; }
  message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scopes = 2; }
  message Metrics { repeated ResourceMetrics resources = 1; }
`);

interface Pair {
  key: string;
  value: { text?: string; flag?: boolean; whole?: number; number?: number };
}
interface RawSpan {
  traceId: Buffer;
  spanId: Buffer;
  parentSpanId: Buffer;
  name: string;
  kind: number;
  from: number;
  to: number;
  attributes: Pair[];
  links: { traceId: Buffer }[];
  status?: { code: number };
}
interface RawPoint {
  number?: number;
  whole?: number;
  count?: number;
  sum?: number;
  attributes: Pair[];
}
interface RawMetric {
  name: string;
  unit: string;
  gauge?: { points: RawPoint[] };
  sum?: { points: RawPoint[] };
  histogram?: { points: RawPoint[] };
}
interface Message<T> {
  resources: { resource: { attributes: Pair[] }; scopes: T[] }[];
}

function decode<T>(type: string, body: Buffer): Message<T> {
  const message = root.lookupType(type).decode(body);
  const options = { longs: Number, arrays: true, defaults: false };
  return message.$type.toObject(message, options) as Message<T>;
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

function plain(pairs: readonly Pair[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
}

function readSpans(body: Buffer): CollectedSpan[] {
  return decode<{ spans: RawSpan[] }>('Traces', body).resources.flatMap(({ resource, scopes }) =>
    scopes.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        name: span.name,
        kind: span.kind,
        from: span.from / 1e6,
        to: span.to / 1e6,
        attributes: plain(span.attributes),
        links: span.links.map(({ traceId }) => hex(traceId)),
        isError: span.status?.code === 2,
        service: plain(resource.attributes)['service.name'],
      })),
    ),
  );
}

function readPoints(body: Buffer): CollectedPoint[] {
  return decode<{ metrics: RawMetric[] }>('Metrics', body).resources.flatMap(({ scopes }) =>
    scopes.flatMap(({ metrics }) =>
      metrics.flatMap(
        ({ name, unit, gauge, sum, histogram }) =>
          (gauge ?? sum ?? histogram)?.points.map((point) => ({
            name,
            unit,
            attributes: plain(point.attributes),
            value: point.number ?? point.whole ?? point.count ?? 0,
            ...(point.sum === undefined ? {} : { sum: point.sum }),
          })) ?? [],
      ),
    ),
  );
}
