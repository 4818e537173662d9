import { context, createContextKey, isSpanContextValid, trace, type Context } from '@opentelemetry/api';

const runKey = createContextKey('the run that is worked on');

/** Lines that are logged in this context name the run. */
export function withRunId(of: Context, runId: string): Context {
  return of.setValue(runKey, runId);
}

/**
 * What every line of the log says of where it was written: the run that is worked on, and the span under way. Nothing unless an SDK keeps contexts.
 * Names of the trace's fields: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
 */
export function logFields(): Record<string, string> {
  const active = context.active();
  const runId = active.getValue(runKey);
  const span = trace.getSpanContext(active);
  return {
    ...(typeof runId === 'string' ? { runId } : {}),
    ...(span === undefined || !isSpanContextValid(span)
      ? {}
      : {
          trace_id: span.traceId,
          span_id: span.spanId,
          trace_flags: span.traceFlags.toString(16).padStart(2, '0'),
        }),
  };
}
