import type { EndReason, RunState, TerminalState } from '../contract/run.ts';
import type { Clock } from '../core/clock.ts';
import { toText, wholeCharacters } from '../core/log-text.ts';
import { loggerWith, type Logger } from '../core/logger.ts';
import type { Orchestrator } from '../core/orchestrator.ts';
import type { ArtifactStore, Exchange } from '../core/ports/artifact-store.ts';
import { isEnded } from '../core/view.ts';
import { bell, type Bell } from './bell.ts';

/** A place in the log of a run: everything before it was sent. `offset` in bytes of the attempt's log. */
export interface LogPosition {
  attempt: number;
  offset: number;
}

export type LogEvent =
  /** The run is in this state now. Sent at the beginning and at each change. */
  | { event: 'state'; state: RunState }
  | { event: 'attempt'; position: LogPosition }
  | { event: 'log'; position: LogPosition; text: string }
  | { event: 'end'; state: TerminalState; exitCode?: number; reason: EndReason; message: string }
  /** Nothing has happened for a while. */
  | { event: 'quiet' };

export interface LogSources {
  orchestrator: Pick<Orchestrator, 'get' | 'onChange'>;
  artifacts: Pick<ArtifactStore, 'exchange'>;
  clock: Clock;
  logger: Logger;
}

const chunkBytes = 64 * 1024;

/** Between two looks though nothing rang: changes that another process made ring nowhere. */
const safetyMs = 2_000;

/**
 * The log of a run as it grows, over all its attempts, from a position on, without losing or repeating a byte. Reads on only when the reader asks
 * for more. Ends after `end`, or with the signal.
 */
export async function* logEvents(
  runId: string,
  { orchestrator, artifacts, clock, logger }: LogSources,
  {
    from,
    resumed,
    heartbeatMs,
    signal,
  }: { from: LogPosition; resumed: boolean; heartbeatMs: number; signal: AbortSignal },
): AsyncGenerator<LogEvent, void, undefined> {
  const bellOfRun = bell(clock);
  const watches = logWatches(bellOfRun, loggerWith(logger, { runId }));
  const stopListening = orchestrator.onChange(runId, bellOfRun.ring);
  signal.addEventListener('abort', bellOfRun.ring, { once: true });
  let position = from;
  let announced = resumed ? from.attempt : from.attempt - 1;
  let state: RunState | undefined;
  let lastSign = clock.monotonic();

  try {
    while (!signal.aborted) {
      // The record is read before the log: an attempt that it says has ended has no more to write.
      const run = await orchestrator.get(runId);
      if (run.state !== state) {
        state = run.state;
        yield { event: 'state', state };
      }
      const attempt = run.attempts[position.attempt - 1];
      const complete = attempt?.endedAt !== undefined || isEnded(run);
      if (attempt !== undefined) {
        if (announced < position.attempt) {
          announced = position.attempt;
          yield { event: 'attempt', position };
        }
        const exchange = artifacts.exchange({ runId, attempt: position.attempt });
        if (!complete) watches.watch(position.attempt, exchange);
        for await (const event of unread(exchange, position, complete, signal)) {
          position = event.position;
          lastSign = clock.monotonic();
          yield event;
        }
      }
      if (signal.aborted) return;
      if (complete && run.attempts.length > position.attempt) {
        position = { attempt: position.attempt + 1, offset: 0 };
        continue;
      }
      if (complete && isEnded(run)) {
        const { exitCode, reason, message } = run;
        yield { event: 'end', state: run.state, ...(exitCode === undefined ? {} : { exitCode }), reason, message };
        return;
      }
      await bellOfRun.wait(Math.min(safetyMs, heartbeatMs));
      if (clock.monotonic() - lastSign >= heartbeatMs) {
        lastSign = clock.monotonic();
        yield { event: 'quiet' };
      }
    }
  } finally {
    stopListening();
    watches.stop();
    signal.removeEventListener('abort', bellOfRun.ring);
  }
}

async function* unread(
  exchange: Exchange,
  from: LogPosition,
  complete: boolean,
  signal: AbortSignal,
): AsyncGenerator<Extract<LogEvent, { event: 'log' }>, void, undefined> {
  let { offset } = from;
  while (!signal.aborted) {
    const slice = await exchange.readLog({ offset, length: chunkBytes }, { signal });
    // A log that became shorter than what was read of it has nothing new.
    if (slice === undefined || slice.offset !== offset || slice.bytes.length === 0) return;
    const atEnd = offset + slice.bytes.length >= slice.size;
    const taken = atEnd && complete ? slice.bytes : slice.bytes.subarray(0, wholeCharacters(slice.bytes));
    if (taken.length === 0) return;
    offset += taken.length;
    yield { event: 'log', position: { attempt: from.attempt, offset }, text: toText(taken) };
  }
}

/** Rings when the log of an attempt grows. Watches one attempt at a time. */
function logWatches(
  { ring }: Bell,
  logger: Logger,
): { watch(attempt: number, exchange: Exchange): void; stop(): void } {
  let watched: number | undefined;
  let stop = new AbortController();

  async function follow(attempt: number, exchange: Exchange, signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of exchange.watch('log', { signal })) ring();
    } catch (error) {
      if (!signal.aborted)
        logger.warn({ attempt, err: error }, 'a log cannot be watched; it is looked at every two seconds instead');
    }
  }

  return {
    watch: (attempt, exchange) => {
      if (watched === attempt) return;
      stop.abort();
      stop = new AbortController();
      watched = attempt;
      follow(attempt, exchange, stop.signal).catch(ring);
    },
    stop: () => stop.abort(),
  };
}
