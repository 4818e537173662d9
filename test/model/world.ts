import { instant } from '../../src/core/clock.ts';
import { runDeadline, startDeadline, totalDeadline } from '../../src/core/deadlines.ts';
import type { Seen, Step } from '../../src/core/decide.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Fence } from '../../src/core/ports/artifact-store.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import { definitionOf, policy as usualPolicy, queued, t0 } from '../core/support/records.ts';
import type { TaskDefinition } from '../../src/contract/task-definition.ts';

/** One coarse step of time, in milliseconds. */
export const tick = 1000;

/** What the protocol is robbed of, one at a time: each must be caught. */
export type Defect =
  | 'noFence'
  | 'foreignFenceIgnored'
  | 'startRepeatedUnderOneNonce'
  | 'blindUpsert'
  | 'removedBeforeLog'
  | 'exitCodeTrusted'
  | 'notStartedWithoutFence'
  | 'reopened'
  | 'resultBeforeObserve';

export interface Config {
  /** Orchestrators that look at the run at the same time. */
  workers: number;
  /** Requests to the platform that may be under way without a sender. */
  late: number;
  /** Boots of one container: more than one where the platform restarts it, or a start arrives twice. */
  boots: number;
  maxAttempts: number;
  maxUncounted: number;
  /** Whether a client may cancel, once and at any time. */
  cancel: boolean;
  /** In ticks. */
  lease: number;
  start: number;
  run: number;
  total: number;
  defect?: Defect;
}

/** A request to the platform that has left its sender. */
export interface Message {
  kind: 'create' | 'start' | 'stop' | 'remove';
  attempt: number;
}

/** How far the creator of a container is; the names are those of the calls in create-runner.ts that come next. */
export type Creator = 'none' | 'open' | 'create' | 'start' | 'mark' | 'remove' | 'takeFence' | 'endLease';

/** How far the runner is, while its container runs. */
export type Runner = 'boot' | 'unsure' | 'fenced' | 'code' | 'done' | 'reported';

export interface Attempt {
  creator: Creator;
  /** The directory that the runner meets us in. `fenced`: made by who took the fence before it was opened. */
  box: 'none' | 'ready' | 'fenced' | 'gone';
  fence: Fence | undefined;
  result: 'exit0' | 'exit1' | 'notStarted' | undefined;
  logCollected: boolean;
  container: 'absent' | 'created' | 'running' | 'exited';
  runner: Runner;
  boots: number;
  /** How often user code has started. */
  starts: number;
  /** What user code really ended with. */
  exit: 0 | 1 | undefined;
  /** A result of user code was written, whether or not it is still there. */
  reported: boolean;
}

/** One orchestrator, between two of its calls. The names are those of the calls in reconcile.ts that come next. */
export type Worker =
  | { at: 'idle' }
  | { at: 'readExchange' | 'observe'; run: RunRecord; seen: Seen }
  | { at: 'takeFence'; run: RunRecord; seen: Seen; step: Extract<Step, { do: 'takeFence' }> }
  | { at: 'collect'; run: RunRecord; step: Extract<Step, { do: 'settle' }> }
  | { at: 'save'; run: RunRecord; next: RunRecord; afterwards: 'idle' | 'create' | 'stop' }
  | { at: 'stop'; attempt: number }
  | { at: 'remove' | 'discard'; run: RunRecord; attempt: number };

export interface World {
  now: number;
  run: RunRecord;
  attempts: readonly Attempt[];
  workers: readonly Worker[];
  late: readonly Message[];
  canceled: boolean;
  /** What an effect has broken. */
  broken?: string;
}

export interface Model {
  config: Config;
  policy: Policy;
  definition: TaskDefinition;
}

export function modelOf(config: Config): Model {
  const on = config.maxAttempts > 1 ? (['start', 'lost', 'exitCode', 'timeout'] as const) : [];
  const definition = definitionOf({
    retry: { maxAttempts: config.maxAttempts, on: [...on], backoff: { initialSeconds: 0, maxSeconds: 0 } },
  });
  return {
    config,
    // No margins and no waits between attempts: everything that time allows may then happen at once.
    policy: {
      ...usualPolicy,
      leaseMs: config.lease * tick,
      marginMs: 0,
      uncountedBackoffMs: 0,
      maxUncounted: config.maxUncounted,
    },
    definition: {
      ...definition,
      timeouts: {
        queueSeconds: config.total,
        startSeconds: config.start,
        runSeconds: config.run,
        graceSeconds: 0,
        totalSeconds: config.total,
      },
    },
  };
}

export function firstWorld({ config, definition }: Model): World {
  return {
    now: t0,
    run: queued({ definition }),
    attempts: [],
    workers: Array.from({ length: config.workers }, (): Worker => ({ at: 'idle' })),
    late: [],
    canceled: !config.cancel,
  };
}

export const newAttempt: Attempt = {
  creator: 'open',
  box: 'none',
  fence: undefined,
  result: undefined,
  logCollected: false,
  container: 'absent',
  runner: 'boot',
  boots: 0,
  starts: 0,
  exit: undefined,
  reported: false,
};

export function withAttemptAt(world: World, index: number, change: Partial<Attempt>): World {
  return { ...world, attempts: world.attempts.map((each, at) => (at === index ? { ...each, ...change } : each)) };
}

/**
 * Equal for worlds with the same future. Instants count only by whether, and in how many ticks, they will be over; versions only by whether a
 * worker's is the stored one; messages for people not at all.
 */
export function keyOf(world: World, model: Model): string {
  const { now, run } = world;
  const attempts = world.attempts
    .map((attempt, index) => attemptKey(attempt, run.attempts[index]?.endedAt !== undefined))
    .join(',');
  const workers = world.workers.map((worker) => workerKey(worker, run, now, model)).toSorted();
  const late = world.late.map(({ kind, attempt }) => `${kind.slice(0, 2)}${attempt}`).toSorted();
  return `${recordKey(run, now, model)};${attempts};${workers.join('|')};${late.join('')}${world.canceled ? 'c' : ''}${world.broken ?? ''}`;
}

/** Of an attempt that has ended, what its runner left no longer matters unless the container runs: it has been read, and what is left of it is judged already. */
function attemptKey(attempt: Attempt, hasEnded: boolean): string {
  const { creator, box, fence, result, container, runner, boots, starts, exit, logCollected, reported } = attempt;
  const about = `${creator}/${box}/${container === 'running' ? runner : container}/${boots}${starts}${logCollected ? 'l' : ''}`;
  const holder = fence === undefined ? '-' : fence.by === 'runner' ? `r${fence.nonce}` : 'o';
  if (hasEnded && container !== 'running') return `${about}/${holder[0]}`;
  const why = fence?.by === 'orchestrator' && !hasEnded ? fence.why.kind : holder;
  return `${about}/${why}/${result ?? '-'}/${exit ?? '-'}${reported ? 'r' : ''}`;
}

/**
 * A worker with an old record can do nothing more to the record. Where it can do nothing to anything else either, it is as good as idle: the fence
 * it may want to take is taken, the log it may want to collect is collected, the container it may want to remove is gone.
 */
export function withoutSpentWorkers(world: World, model: Model): World {
  if (model.config.defect === 'blindUpsert') return world;
  const isSpent = (worker: Worker): boolean => {
    if (worker.at === 'idle' || worker.at === 'stop' || worker.run.version === world.run.version) return false;
    if (worker.at === 'save') return true;
    const attempt =
      world.attempts[
        worker.at === 'remove' || worker.at === 'discard' ? worker.attempt : worker.run.attempts.length - 1
      ];
    if (worker.at === 'remove' || worker.at === 'discard')
      return attempt?.container === 'absent' && attempt.box === 'gone';
    return attempt?.fence !== undefined && (worker.run.state === 'starting' || attempt.logCollected);
  };
  if (!world.workers.some(isSpent)) return world;
  return { ...world, workers: world.workers.map((worker) => (isSpent(worker) ? { at: 'idle' } : worker)) };
}

/** How many ticks are left until an instant, 0 where it is over. */
function left(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / tick));
}

function recordKey(run: RunRecord, now: number, model: Model): string {
  const attempts = run.attempts.map(
    ({ fencedAt, endedAt, counted, containerGone, exitCode }) =>
      `${fencedAt === undefined ? '' : 'f'}${endedAt === undefined ? '' : 'e'}${counted ? 'c' : ''}${containerGone ? 'g' : ''}${exitCode ?? ''}`,
  );
  const parts: (string | number)[] = [run.state, attempts.join('.')];
  // Terms count only by whether there is one to be given back.
  if (run.releaseTerm !== undefined) parts.push('gives back');
  if ('endedAt' in run) return [...parts, run.open ? 'open' : 'closed'].join(' ');
  parts.push(left(totalDeadline(run), now), run.cancel === undefined ? '' : 'cancel');
  if (run.stop !== undefined)
    parts.push(run.stop.cause, run.stop.sentUntil === undefined ? 'unsent' : left(Date.parse(run.stop.sentUntil), now));
  if (run.state === 'starting') {
    const last = run.attempts.at(-1);
    parts.push(
      left(startDeadline(run), now),
      last?.createdAt === undefined ? left(Date.parse(last?.lease.until ?? instant(now)), now) : 'made',
    );
  }
  if (run.state === 'running') parts.push(left(runDeadline(run, model.policy), now));
  return parts.join(' ');
}

function workerKey(worker: Worker, stored: RunRecord, now: number, model: Model): string {
  if (worker.at === 'idle') return '';
  if (worker.at === 'stop') return `stop${worker.attempt}`;
  const basis = worker.run.version === stored.version ? 'F' : recordKey(worker.run, now, model);
  switch (worker.at) {
    case 'readExchange':
    case 'observe':
      return `${worker.at} ${basis} ${seenKey(worker.seen)}`;
    case 'takeFence':
      return `takeFence ${basis} ${worker.step.fence.why.kind} ${seenKey(worker.seen)}`;
    case 'collect':
      return `collect ${basis} ${'result' in worker.step ? String(worker.step.result.exitCode) : worker.step.lost.reason}`;
    case 'save':
      return `save ${basis} ${worker.afterwards} ${recordKey(worker.next, now, model)}`;
    case 'remove':
    case 'discard':
      return `${worker.at}${worker.attempt} ${basis}`;
  }
}

function seenKey({ fence, result, container }: Seen): string {
  const seenContainer = container === undefined || container === 'unreachable' ? container : container.state;
  return `${fence === undefined ? '' : fence.by}${result === undefined ? '' : 'r'}${seenContainer ?? ''}`;
}
