import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api';
import { errorTable, ErrandError } from '../contract/errors.ts';
import { attemptPhases, queuedSince } from './attempt-phases.ts';
import { fromInstant } from './clock.ts';
import { withRunId } from './log-fields.ts';
import type { AttemptRecord, RunRecord } from './run-record.ts';
import { contextOf, traceContextOf, type TraceContext } from './trace-context.ts';

/** Name of the instrumentation scope. */
export const scope = 'errand';

/** Spans carry names, numbers and codes, and no message: those quote what callers and tasks have written. A request that is refused is no failure of ours. */
export function fail(span: Span, error: unknown): void {
  if (!(error instanceof ErrandError) || errorTable[error.code].fault !== 'caller')
    span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', errorType(error));
}

/** The code of one of our own errors, else the name of its class: of few values. */
export function errorType(error: unknown): string {
  if (error instanceof ErrandError) return error.code;
  return error instanceof Error ? error.constructor.name : '_OTHER';
}

export function runAttributes({ id, taskName }: Pick<RunRecord, 'id' | 'taskName'>): Attributes {
  return { 'errand.run.id': id, 'errand.task': taskName };
}

function attemptAttributes(attempt: AttemptRecord): Attributes {
  return {
    'errand.attempt': attempt.number,
    'errand.platform': attempt.platform,
    'container.name': attempt.containerName,
    ...(attempt.region === undefined ? {} : { 'errand.place': attempt.region }),
  };
}

/** Runs `work` in a span. What it throws marks the span, and goes on. */
async function within<T>(
  { name, kind = SpanKind.INTERNAL, parent, attributes = {}, links = [] }: SpanOptions,
  work: (span: Span) => Promise<T>,
  isWorthIt: () => boolean = () => true,
): Promise<T> {
  const span = trace.getTracer(scope).startSpan(name, { kind, attributes, links }, parent);
  let failed = false;
  try {
    return await context.with(trace.setSpan(parent, span), work, undefined, span);
  } catch (error) {
    failed = true;
    fail(span, error);
    throw error;
  } finally {
    // A span that never ends is never exported.
    if (failed || isWorthIt()) span.end();
  }
}

interface SpanOptions {
  name: string;
  kind?: SpanKind;
  parent: Context;
  attributes?: Attributes;
  links?: Link[];
}

/**
 * Accepts in a span, whose context the run keeps: everything that comes of it is a child of it. A rerun is a trace of its own with a link to the trace of the earlier
 * run, since another request is what caused it.
 */
export function acceptSpan<T>(
  parent: TraceContext | undefined,
  earlier: TraceContext | undefined,
  work: (mine: TraceContext | undefined, span: Span) => Promise<T>,
): Promise<T> {
  const links = earlier === undefined ? [] : [linkTo(earlier)];
  return within({ name: 'accept', parent: contextOf(parent), links }, (span) => work(traceContextOf(span), span));
}

export function linkTo(other: TraceContext): Link {
  return { context: trace.getSpanContext(contextOf(other)) ?? { traceId: '', spanId: '', traceFlags: 0 } };
}

/**
 * One look of reconcile at a run, in a span that is named after the step it takes. Looks that find nothing to do leave none: there is one every minute. What is logged
 * meanwhile belongs to the run, whatever had led to the look.
 */
export function stepSpan<T>(run: RunRecord, work: (taken: (step: string) => void) => Promise<T>): Promise<T> {
  if (run.traceContext === undefined) return context.with(withRunId(ROOT_CONTEXT, run.id), work, undefined, () => {});
  const attempt = run.attempts.at(-1);
  let step = 'look';
  return within(
    {
      name: step,
      parent: withRunId(contextOf(run.traceContext), run.id),
      attributes: {
        ...runAttributes(run),
        'errand.run.state': run.state,
        ...(attempt === undefined ? {} : { 'errand.attempt': attempt.number }),
      },
    },
    (span) =>
      work((taken) => {
        step = taken;
        span.updateName(taken);
        span.setAttribute('errand.step', taken);
      }),
    () => step !== 'wait',
  );
}

/** The creation of a container: what runs in it belongs below. It begins the work and does not wait for it, as a producer does. */
export function createSpan(
  run: RunRecord,
  attempt: AttemptRecord,
  work: (mine: TraceContext | undefined) => Promise<void>,
): Promise<void> {
  if (run.traceContext === undefined) return work(undefined);
  return within(
    {
      name: 'createContainer',
      kind: SpanKind.PRODUCER,
      parent: withRunId(contextOf(run.traceContext), run.id),
      attributes: { ...runAttributes(run), ...attemptAttributes(attempt) },
    },
    (span) => work(traceContextOf(span)),
  );
}

/** How long the run had waited when this attempt was opened. */
export function queueSpan(run: RunRecord, attempt: AttemptRecord): void {
  if (run.traceContext === undefined) return;
  past({
    name: 'queue',
    parent: contextOf(run.traceContext),
    from: queuedSince(run, attempt.number),
    to: fromInstant(attempt.openedAt),
    attributes: { ...runAttributes(run), 'errand.attempt': attempt.number },
  });
}

/** An attempt that has ended, and below it its phases: made from the times of the record, by whoever has recorded the end. */
export function attemptSpans(run: RunRecord, attempt: AttemptRecord): void {
  const { openedAt, endedAt, reason, exitCode } = attempt;
  if (run.traceContext === undefined || endedAt === undefined) return;
  const parent = contextOf(run.traceContext);
  const attributes = {
    ...runAttributes(run),
    ...attemptAttributes(attempt),
    ...(reason === undefined ? {} : { 'errand.reason': reason }),
    ...(exitCode === undefined ? {} : { 'process.exit.code': exitCode }),
  };
  past({ name: 'attempt', parent, from: fromInstant(openedAt), to: fromInstant(endedAt), attributes }, (span) => {
    if (reason !== 'completed' && reason !== 'canceled')
      span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', reason ?? '_OTHER');
    const inside = trace.setSpan(parent, span);
    for (const phase of attemptPhases(attempt))
      past({ ...phase, parent: inside, attributes: { 'errand.attempt': attempt.number } });
  });
}

interface Past {
  name: string;
  parent: Context;
  /** Milliseconds since the epoch. */
  from: number;
  to: number;
  attributes: Attributes;
}

/** A span that began and ended before now. The SDK takes a number for a time of this process, so it gets dates. */
function past({ name, parent, from, to, attributes }: Past, inside: (span: Span) => void = () => {}): void {
  const span = trace.getTracer(scope).startSpan(name, { startTime: new Date(from), attributes }, parent);
  inside(span);
  span.end(new Date(to));
}
