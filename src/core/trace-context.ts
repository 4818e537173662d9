import { createTraceState, isSpanContextValid, ROOT_CONTEXT, trace, type Context, type Span } from '@opentelemetry/api';

/** Where something belongs in a trace, as the fields of W3C Trace Context have it. Both are valid by its grammar. */
export interface TraceContext {
  traceparent: string;
  tracestate?: string;
}

const parentPattern =
  /^(?<version>[0-9a-f]{2})-(?<trace>[0-9a-f]{32})-(?<span>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})(?<more>-.*)?$/;
const invalidVersion = 'ff';
const firstVersion = '00';
/** Sampled, and that the trace id is random: what the versions so far know. Other bits are not passed on. */
const knownFlags = 0b11;

/**
 * Reads what a caller sent. Undefined where `traceparent` is missing or not valid, as if none had been sent.
 * Source: https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3: of a version that is not known, the fields of version 00 are read and the rest is dropped.
 */
export function parseTraceContext(traceparent: string | undefined, tracestate?: string): TraceContext | undefined {
  const groups = parentPattern.exec(traceparent ?? '')?.groups;
  if (groups === undefined) return undefined;
  const { version = '', trace: traceId = '', span: spanId = '', flags = '', more } = groups;
  if (version === invalidVersion || (version === firstVersion && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const state = validState(tracestate);
  return {
    traceparent: parentText(traceId, spanId, Number.parseInt(flags, 16)),
    ...(state === undefined ? {} : { tracestate: state }),
  };
}

/** By OpenTelemetry's reader: members that are not valid are left out, and all of more than 512 characters. */
function validState(text: string | undefined): string | undefined {
  return createTraceState(text).serialize() || undefined;
}

function parentText(traceId: string, spanId: string, flags: number): string {
  return `${firstVersion}-${traceId}-${spanId}-${(flags & knownFlags).toString(16).padStart(2, '0')}`;
}

/** As the parent of spans. The root where there is none. */
export function contextOf(parent: TraceContext | undefined): Context {
  const groups = parentPattern.exec(parent?.traceparent ?? '')?.groups;
  if (groups === undefined) return ROOT_CONTEXT;
  const { trace: traceId = '', span: spanId = '', flags = '' } = groups;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(parent?.tracestate === undefined ? {} : { traceState: createTraceState(parent.tracestate) }),
  });
}

/** What to hand on so that others are children of this span. Without an SDK that is what its parent was, if it had any. */
export function traceContextOf(span: Span): TraceContext | undefined {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  if (!isSpanContextValid(span.spanContext())) return undefined;
  const tracestate = traceState?.serialize() || undefined;
  return { traceparent: parentText(traceId, spanId, traceFlags), ...(tracestate === undefined ? {} : { tracestate }) };
}

/** As a process is told of them. Source: https://opentelemetry.io/docs/specs/otel/context/env-carriers/ */
export function traceEnvironment(parent: TraceContext | undefined): Record<string, string> {
  if (parent === undefined) return {};
  return {
    TRACEPARENT: parent.traceparent,
    ...(parent.tracestate === undefined ? {} : { TRACESTATE: parent.tracestate }),
  };
}

/** The id of the trace: 32 hexadecimal digits. */
export function traceIdOf({ traceparent }: TraceContext): string {
  return traceparent.slice(3, 35);
}
