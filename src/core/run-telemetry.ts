import { ErrandError } from '../contract/errors.ts';
import type { Accepted, Asker } from './accept.ts';
import type { RunMetrics } from './run-metrics.ts';
import type { AttemptRecord, EndedRun, RunRecord } from './run-record.ts';
import { acceptSpan, attemptSpans, errorType, linkTo, queueSpan, runAttributes } from './run-spans.ts';
import type { TraceContext } from './trace-context.ts';

/** What spans and metrics are told of runs. Each fact once among all processes: only who has won the compare-and-swap that recorded it tells it. One who is killed right then does not. */
export interface RunTelemetry {
  /** Accepts in a span. `earlier` is the trace of a run that this one repeats. */
  accepting(
    asker: Asker,
    earlier: TraceContext | undefined,
    accept: (asker: Asker) => Promise<Accepted>,
  ): Promise<Accepted>;
  /** A record was saved as it is after an event: an attempt was opened, or has ended. */
  moved(before: RunRecord, after: RunRecord): void;
  ended(run: EndedRun): void;
}

export function runTelemetry(figures: RunMetrics): RunTelemetry {
  return {
    accepting: (asker, earlier, accept) =>
      acceptSpan(asker.traceContext, earlier, async (traceContext, span) => {
        try {
          const { run, created } = await accept({ ...asker, traceContext });
          span.setAttributes(runAttributes(run));
          if (run.schedule !== undefined) span.setAttribute('errand.schedule', run.schedule.name);
          // What comes of it is in the trace of the request that was first.
          if (!created && run.traceContext !== undefined) span.addLink(linkTo(run.traceContext));
          figures.accepted(created ? 'created' : 'replayed', run.taskName);
          return { run, created };
        } catch (error) {
          figures.accepted(error instanceof ErrandError ? error.code : errorType(error));
          throw error;
        }
      }),
    moved: (before, after) => {
      const attempt = after.attempts.at(-1);
      if (attempt === undefined) return;
      if (!isOf(before, attempt)) {
        queueSpan(after, attempt);
        figures.opened(after, attempt);
      } else if (attempt.endedAt !== undefined && before.attempts.at(-1)?.endedAt === undefined) {
        attemptSpans(after, attempt);
        figures.attemptEnded(after, attempt);
        if (after.state === 'queued') figures.retried(after, attempt);
      }
    },
    ended: figures.ended,
  };
}

function isOf(run: RunRecord, { number }: AttemptRecord): boolean {
  return run.attempts.some((attempt) => attempt.number === number);
}
