import { context, metrics, SpanKind, SpanStatusCode, trace, type Attributes } from '@opentelemetry/api';
import type { Context as Call, MiddlewareHandler } from 'hono';
import type { Route } from '../contract/routes.ts';
import { scope } from '../core/run-spans.ts';
import { contextOf, parseTraceContext, traceContextOf } from '../core/trace-context.ts';
import type { AppEnv, AppOptions } from './app-options.ts';

/** Of the convention, in seconds. */
const explicitBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * A span for each request of a route, and its duration, below what the caller sent as `traceparent`; what follows finds the span's context in `traceContext`. It ends when
 * the answer begins: an event stream may last for days. The query is left out, since a key may be in it.
 * Names: https://opentelemetry.io/docs/specs/semconv/http/
 */
export function requestSpans({
  clock,
  requestSpan = 'server',
}: Pick<AppOptions, 'clock' | 'requestSpan'>): (route: Route) => MiddlewareHandler<AppEnv> {
  const kind = requestSpan === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL;
  const seconds = metrics.getMeter(scope).createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'Duration of HTTP server requests.',
    advice: { explicitBucketBoundaries },
  });

  return ({ path }) =>
    async (c, next) => {
      const start = clock.monotonic();
      const parent = contextOf(parseTraceContext(c.req.header('traceparent'), c.req.header('tracestate')));
      const method = c.req.method;
      const span = trace
        .getTracer(scope)
        .startSpan(`${method} ${path}`, { kind, attributes: { ...common(c, path), ...ofCall(c) } }, parent);
      c.set('traceContext', traceContextOf(span));
      await context.with(trace.setSpan(parent, span), next);
      const { status } = c.res;
      const outcome: Attributes = { 'http.response.status_code': status };
      if (status >= 500) {
        outcome['error.type'] = String(status);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.setAttributes(outcome).end();
      seconds.record((clock.monotonic() - start) / 1000, { ...common(c, path), ...outcome });
    };
}

function common(c: Call<AppEnv>, route: string): Attributes {
  return {
    'http.request.method': c.req.method,
    'http.route': route,
    'url.scheme': new URL(c.req.url).protocol.slice(0, -1),
  };
}

function ofCall(c: Call<AppEnv>): Attributes {
  const { hostname, port } = new URL(c.req.url);
  const agent = c.req.header('user-agent');
  return {
    'url.path': c.req.path,
    'server.address': hostname,
    ...(port === '' ? {} : { 'server.port': Number(port) }),
    ...(agent === undefined ? {} : { 'user_agent.original': agent.slice(0, 200) }),
    'errand.request.id': c.get('requestId'),
  };
}
