import type { EndReason, RunState, TerminalState } from '../contract/run.ts';
import { fromInstant, instant } from './clock.ts';
import type { Policy } from './policy.ts';
import type { Collected, FenceReason, OrchestratorFence } from './ports/artifact-store.ts';
import { retryAt, uncountedRetryAt, type RetryCause } from './retry.ts';
import {
  nextAttemptNumber,
  type AttemptRecord,
  type EndedRun,
  type QueuedRun,
  type RunRecord,
  type StopCause,
} from './run-record.ts';
import type { RunnerResult } from './runner-result.ts';
import { verdictOf } from './verdict.ts';
import { atEnd } from './webhooks.ts';

/** What can happen to a run. `at` is in milliseconds since the epoch; `random`, in [0, 1), spreads retries. */
export type RunEvent =
  | {
      type: 'attemptOpened';
      containerName: string;
      platform: string;
      region?: string;
      lease: AttemptRecord['lease'];
      at: number;
    }
  | { type: 'queueExpired'; at: number }
  | { type: 'totalExpired'; at: number }
  | { type: 'cancelRequested'; by: string; at: number }
  /** The runner has the fence. */
  | { type: 'started'; fencedAt: string; at: number }
  /** The orchestrator has the fence: nothing was started under this attempt, and nothing will be. */
  | { type: 'fencedOff'; fence: OrchestratorFence; at: number; random: number }
  | { type: 'stopRequested'; cause: StopCause; at: number }
  | { type: 'finished'; result: RunnerResult; collected: Collected; at: number; random: number }
  /** The container has ended or is gone, for certain, and left no result. */
  | {
      type: 'ended';
      reason: 'vanished' | 'noResult' | 'invalidResult' | 'outOfMemory';
      message: string;
      collected: Collected;
      at: number;
      random: number;
    };

type Handler<E extends RunEvent['type'], S extends RunState> = (
  run: Extract<RunRecord, { state: S }>,
  event: Extract<RunEvent, { type: E }>,
  policy: Policy,
) => RunRecord;

type Row<S extends RunState> = { [E in RunEvent['type']]?: Handler<E, S> };

/** The only place where a state changes. What is not in the table does not happen: terminal states have no row, so they absorb everything. */
const table: { [S in Exclude<RunState, TerminalState>]: Row<S> } = {
  queued: {
    attemptOpened: (run, event) => {
      const { retryAt: _, waiting: __, stop: ___, place: ____, ...rest } = run;
      const attempt: AttemptRecord = {
        number: nextAttemptNumber(run),
        containerName: event.containerName,
        platform: event.platform,
        ...(event.region === undefined ? {} : { region: event.region }),
        openedAt: instant(event.at),
        lease: event.lease,
        counted: true,
        containerGone: false,
      };
      return { ...rest, state: 'starting', attempts: [...run.attempts, attempt] };
    },
    queueExpired: (run, { at }) =>
      end(
        run,
        'expired',
        at,
        'queueTimeout',
        `not started within ${run.definition.timeouts.queueSeconds} s of being accepted`,
      ),
    totalExpired: (run, { at }) =>
      end(
        run,
        run.attempts.some((attempt) => attempt.counted) ? 'timedOut' : 'expired',
        at,
        'totalTimeout',
        totalMessage,
      ),
    cancelRequested: (run, { by, at }) =>
      end(
        { ...run, cancel: { by, at: instant(at) } },
        'canceled',
        at,
        'canceled',
        `canceled by ${by} before it started`,
      ),
  },
  starting: {
    cancelRequested: (run, { by, at }) => ({
      ...run,
      cancel: run.cancel ?? { by, at: instant(at) },
      stop: run.stop ?? { cause: 'cancel', at: instant(at) },
    }),
    started: (run, { fencedAt, at }) => ({
      ...withAttempt(run, { fencedAt: plausible(run, fencedAt, at) }),
      state: 'running',
      startedAt: instant(at),
    }),
    fencedOff: (run, event, policy) => fencedOff(run, event, policy),
  },
  running: {
    cancelRequested: (run, { by, at }) => ({
      ...run,
      cancel: run.cancel ?? { by, at: instant(at) },
      stop: run.stop ?? { cause: 'cancel', at: instant(at) },
    }),
    stopRequested: (run, { cause, at }) => ({ ...run, stop: run.stop ?? { cause, at: instant(at) } }),
    finished: (run, event, policy) => finished(run, event, policy),
    ended: (run, { reason, message, collected, at, random }) => {
      const ended = withAttempt(run, { endedAt: instant(at), reason, message, log: collected.log });
      return (
        stopped(ended, at, random) ??
        requeueOr(ended, { kind: 'lost' }, at, random, () => end(ended, 'lost', at, reason, message, { collected }))
      );
    },
  },
};

/** The run after the event, or undefined where the event means nothing in this state. */
export function transition(run: RunRecord, event: RunEvent, policy: Policy): RunRecord | undefined {
  const row: Partial<Record<RunEvent['type'], unknown>> | undefined = (table as Partial<Record<RunState, object>>)[
    run.state
  ];
  const handler = row?.[event.type] as ((run: RunRecord, event: RunEvent, policy: Policy) => RunRecord) | undefined;
  return handler?.(run, event, policy);
}

const seenAtOnceMs = 2_000;

/** The runner's clock has whole seconds in some images, and may be wrong. It is asked only where the fence was seen late, and believed where it can be right. */
function plausible(run: Extract<RunRecord, { state: 'starting' }>, fencedAt: string, at: number): string {
  const openedAt = run.attempts.at(-1)?.openedAt ?? run.createdAt;
  const told = fromInstant(fencedAt);
  const seenLate = at - told > seenAtOnceMs;
  return seenLate && told >= fromInstant(openedAt) ? instant(told) : instant(at);
}

const totalMessage = 'the time for the whole run, totalSeconds, is over';

type Active = Exclude<RunRecord, EndedRun>;

function fencedOff(
  run: Extract<RunRecord, { state: 'starting' }>,
  event: Extract<RunEvent, { type: 'fencedOff' }>,
  policy: Policy,
): RunRecord {
  const { at, random } = event;
  const { why, message } = event.fence;
  const reason = fenceEndReason(why);
  const closed = withAttempt(run, {
    endedAt: instant(at),
    reason,
    message,
    counted: why.kind !== 'notCreated' && why.kind !== 'noCapacity',
  });
  if (closed.cancel !== undefined || why.kind === 'canceled') {
    return end(closed, 'canceled', at, 'canceled', `canceled by ${closed.cancel?.by ?? 'somebody'} before it started`);
  }
  switch (why.kind) {
    case 'totalTimeout':
      return end(closed, 'timedOut', at, 'totalTimeout', totalMessage);
    case 'notCreated':
      return nothingStarted(closed, at, policy, message);
    case 'noCapacity':
      return requeue(avoiding(closed, why, at, policy), at);
    case 'startTimeout':
      return requeueOr(closed, { kind: 'start' }, at, random, () => end(closed, 'failed', at, reason, message));
    case 'startFailed':
      if (why.permanent) return end(closed, 'failed', at, reason, message);
      return requeueOr(closed, { kind: 'start' }, at, random, () => end(closed, 'failed', at, reason, message));
  }
}

const longestPauseMs = 600_000;
const keptRefusals = 5;

/** The place that had no room is left alone for a while; the others are open at once. */
function avoiding<R extends RunRecord>(
  run: R,
  { place, retryAfterMs }: Extract<FenceReason, { kind: 'noCapacity' }>,
  at: number,
  policy: Policy,
): R {
  const others = (run.avoid ?? []).filter((each) => each.place !== place && fromInstant(each.until) > at);
  const refusals = run.attempts.filter(({ reason }) => reason === 'noCapacity');
  const pauseMs = Math.min(policy.noCapacityMs * 2 ** (refusals.length - 1), longestPauseMs);
  // A place that is full for a day would fill the record: only the last refusals are kept.
  const old = refusals
    .filter(({ containerGone, clearAt }) => containerGone && clearAt === undefined)
    .slice(0, -keptRefusals);
  return {
    ...run,
    attempts: run.attempts.filter((attempt) => !old.includes(attempt)),
    avoid: [...others, { place, until: instant(at + (retryAfterMs ?? pauseMs)) }],
  };
}

function fenceEndReason(why: FenceReason): EndReason {
  switch (why.kind) {
    case 'notCreated':
      return 'nothingStarted';
    case 'canceled':
      return 'canceled';
    case 'startFailed':
      return why.reason;
    case 'noCapacity':
    case 'startTimeout':
    case 'totalTimeout':
      return why.kind;
  }
}

function finished(
  run: Extract<RunRecord, { state: 'running' }>,
  event: Extract<RunEvent, { type: 'finished' }>,
  policy: Policy,
): RunRecord {
  const { result, collected, at, random } = event;
  const isForeignStop = result.started && result.stopped && run.stop === undefined;
  const verdict = verdictOf(result, isForeignStop ? ': its container was stopped from outside' : '');
  const ended = withAttempt(run, {
    endedAt: instant(at),
    log: collected.log,
    reason: verdict.reason,
    message: verdict.message,
    ...(result.exitCode === null ? {} : { exitCode: result.exitCode }),
    ...(result.signal === null ? {} : { signal: result.signal }),
    ...(result.durationMs.fetch === undefined ? {} : { fetchMs: result.durationMs.fetch }),
    ...(result.durationMs.run === undefined ? {} : { runMs: result.durationMs.run }),
  });
  const facts = { collected, ...(result.exitCode === null ? {} : { exitCode: result.exitCode }) };
  if (result.started && result.exitCode === 0)
    return end(ended, 'succeeded', at, verdict.reason, verdict.message, facts);
  const stop = stopped(ended, at, random, facts);
  if (stop !== undefined) return stop;
  // Somebody else stopped it, or its machine went down.
  if (!result.started && result.reason === 'stopped')
    return nothingStarted(withAttempt(ended, { counted: false }), at, policy, verdict.message);
  const state = verdict.cause.kind === 'timeout' ? 'timedOut' : 'failed';
  const byItself = () =>
    requeueOr(ended, verdict.cause, at, random, () => end(ended, state, at, verdict.reason, verdict.message, facts));
  // A platform that shuts down in good order takes a container away as surely as one that dies.
  return isForeignStop ? requeueOr(ended, { kind: 'lost' }, at, random, byItself) : byItself();
}

/** The end of an attempt that was being stopped. Undefined where nobody stopped it. */
function stopped(run: Active, at: number, random: number, facts: EndFacts = {}): RunRecord | undefined {
  switch (run.stop?.cause) {
    case undefined:
      return undefined;
    case 'cancel':
      return end(run, 'canceled', at, 'canceled', `canceled by ${run.cancel?.by ?? 'somebody'}`, facts);
    case 'totalTimeout':
      return end(run, 'timedOut', at, 'totalTimeout', totalMessage, facts);
    case 'runTimeout': {
      const message = 'the executable ran longer than runSeconds and was stopped';
      return requeueOr(run, { kind: 'timeout' }, at, random, () =>
        end(run, 'timedOut', at, 'runTimeout', message, facts),
      );
    }
  }
}

/** Nothing was started under the last attempt, and the run is not to blame. */
function nothingStarted(run: Active, at: number, policy: Policy, message: string): RunRecord {
  const next = uncountedRetryAt(run, at, policy);
  return next === undefined
    ? end(run, 'failed', at, 'nothingStarted', `no container could be started: ${message}`)
    : requeue(run, next);
}

function requeueOr(run: Active, cause: RetryCause, at: number, random: number, otherwise: () => RunRecord): RunRecord {
  const next = retryAt(run, cause, at, random);
  if (next === undefined) return otherwise();
  // What this attempt held is given back; the next one queues for its own.
  return requeue({ ...run, slotTerm: run.slotTerm + 1, releaseTerm: run.slotTerm }, next);
}

function requeue(run: Active, next: number): QueuedRun {
  const { stop: _, staleSince: __, ...rest } = run;
  if (rest.state === 'running') {
    const { startedAt: ___, ...queued } = rest;
    return { ...queued, state: 'queued', retryAt: instant(next) };
  }
  return { ...rest, state: 'queued', retryAt: instant(next) };
}

interface EndFacts {
  collected?: Collected;
  exitCode?: number;
}

function end(
  run: Active,
  state: TerminalState,
  at: number,
  reason: EndReason,
  message: string,
  { collected, exitCode }: EndFacts = {},
): EndedRun {
  const { secrets: _, staleSince: __, ...rest } = run;
  const {
    waiting: ___,
    retryAt: ____,
    place: _____,
    ...kept
  } = rest as typeof rest & Pick<QueuedRun, 'waiting' | 'retryAt' | 'place'>;
  return {
    ...kept,
    state,
    endedAt: instant(at),
    reason,
    message,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(collected?.output === undefined ? {} : { output: collected.output }),
    ...(collected?.outputProblem === undefined ? {} : { outputProblem: collected.outputProblem }),
    files: collected?.files ?? [],
    ...(run.webhooks === undefined ? {} : { webhooks: atEnd(run.webhooks, state, instant(at)) }),
  };
}

/** The run with its last attempt changed. */
export function withAttempt<R extends RunRecord>(run: R, change: Partial<AttemptRecord>): R {
  const last = run.attempts.at(-1);
  if (last === undefined) return run;
  return { ...run, attempts: [...run.attempts.slice(0, -1), { ...last, ...change }] };
}
