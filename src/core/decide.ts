import { fromInstant, instant } from './clock.ts';
import { queueDeadline, runDeadline, startDeadline, totalDeadline, waitDeadline } from './deadlines.ts';
import type { Policy } from './policy.ts';
import type { Fence, FenceReason, OrchestratorFence } from './ports/artifact-store.ts';
import type { Observation } from './ports/runner-driver.ts';
import {
  currentAttempt,
  type AttemptRecord,
  type EndedRun,
  type QueuedRun,
  type RunRecord,
  type RunningRun,
  type StartingRun,
  type Waiting,
} from './run-record.ts';
import type { RunnerResult } from './runner-result.ts';
import { scheduleSlot } from './schedule-record.ts';
import type { RunEvent } from './transition.ts';
import { nextDelivery } from './webhooks.ts';

/** What was seen of the outside before deciding. Fence and result were read after the container was observed, so that a container which has ended can add nothing. */
export interface Seen {
  fence?: Fence | undefined;
  result?: RunnerResult | { invalid: string } | undefined;
  /** Undefined: not looked at yet. */
  container?: Observation | 'unreachable';
  /** Undefined: not taken yet. `blockedBy` is the first slot that is full. */
  slots?: { held: true } | { held: false; blockedBy: string; position: number };
}

/** The one step that comes next. Everything in it is safe to do twice, and to leave undone half way. */
export type Step =
  /** A state change that needs nothing from outside. */
  | { do: 'apply'; event: RunEvent }
  /** Take the slots in order, then decide again. */
  | { do: 'takeSlots' }
  /** Open the next attempt by compare-and-swap; whoever wins creates the container. */
  | { do: 'openAttempt' }
  /** Ask the platform, read fence and result after that, then decide again. */
  | { do: 'observe' }
  /** Take the attempt's fence, unless somebody has it, then decide again. */
  | { do: 'takeFence'; fence: OrchestratorFence }
  /** Make log and outputs durable, then apply the end of the attempt. */
  | { do: 'settle'; result: RunnerResult }
  | { do: 'settle'; lost: Pick<Extract<RunEvent, { type: 'ended' }>, 'reason' | 'message'> }
  /** Stop the container, marking the record first so that others do not. */
  | { do: 'stop'; graceSeconds: number }
  /** Remove the container and what the runner needed of its exchange; that alone where the container is gone. */
  | { do: 'removeContainer'; attempt: AttemptRecord }
  /** Leave all slot queues and wake who is next. */
  | { do: 'releaseSlots'; slots: RunRecord['slots']; term: number }
  /** Send the webhooks that are due. Whatever a receiver does, container and slots are given back by then. */
  | { do: 'deliver' }
  /** Nothing is left to do for good. */
  | { do: 'close' }
  /** Nothing to do before `until` (milliseconds since the epoch) unless an event comes. */
  | { do: 'wait'; until: number; waiting?: Waiting; stale?: boolean; phase?: string };

/** Pure: the record, what was seen, the time. The same rules serve the request, the wake-up, the event, the sweep and the recovery after a crash. */
export function decide(run: RunRecord, seen: Seen, now: number, policy: Policy, random: number): Step {
  switch (run.state) {
    case 'queued':
      return decideQueued(run, seen, now, policy, random);
    case 'starting':
      return decideStarting(run, seen, now, policy, random);
    case 'running':
      return decideRunning(run, seen, now, policy);
    default:
      return decideEnded(run, now);
  }
}

function decideQueued(run: QueuedRun, seen: Seen, now: number, policy: Policy, random: number): Step {
  if (now >= totalDeadline(run)) return { do: 'apply', event: { type: 'totalExpired', at: now } };
  const started = run.attempts.some((attempt) => attempt.counted);
  if (!started && now >= queueDeadline(run)) return { do: 'apply', event: { type: 'queueExpired', at: now } };

  const leftover = run.attempts.find(
    (attempt) => !attempt.containerGone && retentionSeconds(run, attempt) === 0 && mayRemove(attempt, now),
  );
  if (leftover !== undefined) return { do: 'removeContainer', attempt: leftover };

  if (run.releaseTerm !== undefined) return { do: 'releaseSlots', slots: run.slots, term: run.releaseTerm };

  const limit = waitDeadline(run);
  const retryAt = run.retryAt === undefined ? undefined : fromInstant(run.retryAt);
  if (retryAt !== undefined && retryAt > now) {
    return { do: 'wait', until: Math.min(retryAt, limit), waiting: waitingForRetry(run, retryAt) };
  }

  if (run.place !== undefined && fromInstant(run.place.notBefore) > now) {
    return { do: 'wait', until: Math.min(fromInstant(run.place.notBefore), limit), waiting: waitingForRate(run.place) };
  }
  if (seen.slots === undefined) return { do: 'takeSlots' };
  if (!seen.slots.held) {
    const { blockedBy, position } = seen.slots;
    const until = now + safetyLookInQueueMs(position, policy, random);
    return { do: 'wait', until: Math.min(until, limit), waiting: waitingForSlot(run, blockedBy) };
  }
  return { do: 'openAttempt' };
}

function decideStarting(run: StartingRun, seen: Seen, now: number, policy: Policy, random: number): Step {
  const attempt = currentAttempt(run);
  if (seen.fence?.by === 'orchestrator')
    return { do: 'apply', event: { type: 'fencedOff', fence: seen.fence, at: now, random } };
  if (seen.fence?.by === 'runner') return { do: 'apply', event: { type: 'started', fencedAt: seen.fence.at, at: now } };

  const take = (why: FenceReason, message: string): Step => ({
    do: 'takeFence',
    fence: { by: 'orchestrator', why, message, at: instant(now) },
  });
  if (run.cancel !== undefined) return take({ kind: 'canceled' }, 'canceled before the executable started');
  if (now >= totalDeadline(run))
    return take({ kind: 'totalTimeout' }, 'totalSeconds was over before the executable started');
  if (now >= startDeadline(run)) {
    const { startSeconds } = run.definition.timeouts;
    const doing = attempt.phase === undefined ? '' : ` (last seen: ${attempt.phase})`;
    return take(
      { kind: 'startTimeout' },
      `the executable did not start within ${startSeconds} s${doing}: raise timeouts.startSeconds if the image is large`,
    );
  }

  const deadline = Math.min(startDeadline(run), totalDeadline(run));
  const leaseUntil = fromInstant(attempt.lease.until);
  if (attempt.createdAt === undefined && leaseUntil > now) return { do: 'wait', until: Math.min(leaseUntil, deadline) };
  if (seen.container === undefined) return { do: 'observe' };
  if (seen.container === 'unreachable')
    return { do: 'wait', until: Math.min(now + policy.safetyLookMs, deadline), stale: true };

  switch (seen.container.state) {
    case 'absent':
      return take(
        { kind: 'notCreated' },
        'there is no container: whoever was to create it did not, or it vanished before the executable started',
      );
    case 'created':
      return take({ kind: 'notCreated' }, 'the container was created and never started');
    case 'foreign':
      return take(
        { kind: 'startFailed', reason: 'nameConflict', permanent: true },
        `a container named ${attempt.containerName} exists that is not ours; it was left alone`,
      );
    case 'exited': {
      const { exitCode, tail } = seen.container;
      const printed = tail === '' ? '' : `: ${tail}`;
      return take(
        { kind: 'startFailed', reason: 'exitedEarly', permanent: false },
        `the container ended with exit code ${exitCode} before the executable started${printed}`,
      );
    }
    case 'refused': {
      const { reason, permanent, message } = seen.container;
      return take({ kind: 'startFailed', reason, permanent }, message);
    }
    case 'noCapacity': {
      const { retryAfterMs, message } = seen.container;
      return take(noCapacity(attempt, retryAfterMs), message);
    }
    case 'pending':
      return { do: 'wait', until: Math.min(now + policy.safetyLookMs, deadline), phase: seen.container.phase };
    case 'running':
      return { do: 'wait', until: Math.min(now + policy.safetyLookMs, deadline) };
  }
}

function decideRunning(run: RunningRun, seen: Seen, now: number, policy: Policy): Step {
  if (seen.result !== undefined && !('invalid' in seen.result)) return { do: 'settle', result: seen.result };

  if (run.stop === undefined) {
    if (now >= totalDeadline(run))
      return { do: 'apply', event: { type: 'stopRequested', cause: 'totalTimeout', at: now } };
    if (now >= runDeadline(run, policy))
      return { do: 'apply', event: { type: 'stopRequested', cause: 'runTimeout', at: now } };
  }

  if (seen.container === undefined) return { do: 'observe' };
  const deadline = Math.min(runDeadline(run, policy), totalDeadline(run));
  const next = run.stop === undefined ? Math.min(now + policy.safetyLookMs, deadline) : now + policy.safetyLookMs;
  if (seen.container === 'unreachable') return { do: 'wait', until: next, stale: true };

  switch (seen.container.state) {
    case 'absent':
    case 'foreign':
      return { do: 'settle', lost: { reason: 'vanished', message: 'the container is gone and left no result' } };
    case 'exited':
      return { do: 'settle', lost: whyNoResult(seen.container, seen.result) };
    // User code has started, whatever the platform says of the creation: it may be running still.
    case 'created':
    case 'pending':
    case 'refused':
    case 'noCapacity':
    case 'running': {
      if (run.stop === undefined) return { do: 'wait', until: next };
      const sentUntil = run.stop.sentUntil === undefined ? now : fromInstant(run.stop.sentUntil);
      if (sentUntil > now) return { do: 'wait', until: sentUntil };
      if (seen.container.state === 'created' && run.stop.sentUntil !== undefined)
        return {
          do: 'settle',
          lost: { reason: 'noResult', message: 'the fence was taken, but the container was never started' },
        };
      return { do: 'stop', graceSeconds: run.definition.timeouts.graceSeconds };
    }
  }
}

function decideEnded(run: EndedRun, now: number): Step {
  const left = run.attempts.filter((attempt) => !attempt.containerGone);
  const due = (attempt: AttemptRecord) =>
    Math.max(
      fromInstant(attempt.endedAt ?? run.endedAt) + retentionSeconds(run, attempt) * 1000,
      attempt.removeAt === undefined ? 0 : fromInstant(attempt.removeAt),
    );
  const removable = left.find((attempt) => due(attempt) <= now);
  if (removable !== undefined) return { do: 'removeContainer', attempt: removable };
  if (run.releaseTerm !== undefined) return { do: 'releaseSlots', slots: run.slots, term: run.releaseTerm };
  // User code has ended, but a container that is kept, or may not be removed yet, still takes up room.
  const free =
    left.length === 0
      ? run.slots
      : run.slots.filter(({ key }) => key.startsWith('task:') || key.startsWith('schedule:'));
  if (free.length > 0) return { do: 'releaseSlots', slots: free, term: run.slotTerm };
  const delivery = nextDelivery(run.webhooks);
  if (delivery !== undefined && delivery <= now) return { do: 'deliver' };
  const uncleared = run.attempts.filter(({ clearAt }) => clearAt !== undefined);
  const clearing = ({ clearAt = '' }: AttemptRecord) => fromInstant(clearAt);
  const clearable = uncleared.find((attempt) => clearing(attempt) <= now);
  if (clearable !== undefined) return { do: 'removeContainer', attempt: clearable };
  const until = Math.min(...left.map(due), ...uncleared.map(clearing), delivery ?? Infinity);
  return until === Infinity ? { do: 'close' } : { do: 'wait', until };
}

function whyNoResult(
  container: Extract<Observation, { state: 'exited' }>,
  result: Seen['result'],
): Pick<Extract<RunEvent, { type: 'ended' }>, 'reason' | 'message'> {
  if (container.oomKilled)
    return {
      reason: 'outOfMemory',
      message: 'the container was killed for want of memory and left no result: raise resources.memoryInGB',
    };
  if (result !== undefined && 'invalid' in result)
    return {
      reason: 'invalidResult',
      message: `the container ended and left a result that cannot be read: ${result.invalid}`,
    };
  return {
    reason: 'noResult',
    message: `the container ended with exit code ${container.exitCode} and left no result: the runner was killed`,
  };
}

/** A container whose executable was never started has nothing to look at beyond what the record says. */
function retentionSeconds(run: RunRecord, attempt: AttemptRecord): number {
  if (attempt.fencedAt === undefined) return 0;
  const { succeededSeconds, failedSeconds } = run.definition.retention;
  return attempt.exitCode === 0 ? succeededSeconds : failedSeconds;
}

function mayRemove({ removeAt }: AttemptRecord, now: number): boolean {
  return removeAt === undefined || fromInstant(removeAt) <= now;
}

/** Why an attempt ends where its place had no room. */
export function noCapacity({ region }: AttemptRecord, retryAfterMs: number | undefined): FenceReason {
  return { kind: 'noCapacity', place: region ?? '', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Whoever gives a slot back wakes who is next. Looking without that is for wake-ups that were lost, and thousands who wait must not look as often as one. */
const longestQueueLooks = 20;

function safetyLookInQueueMs(position: number, { safetyLookMs }: Policy, random: number): number {
  return Math.round(safetyLookMs * (1 + Math.min(position, longestQueueLooks - 1) * (0.5 + random / 2)));
}

function waitingForRetry({ attempts }: QueuedRun, until: number): Waiting {
  const made = attempts.at(-1);
  const message = `attempt ${made?.number} ended with ${made?.reason ?? 'no result'}; another one follows`;
  return { reason: 'backoff', message, until: instant(until) };
}

function waitingForRate({ name, notBefore }: NonNullable<QueuedRun['place']>): Waiting {
  return {
    reason: 'capacity',
    message: `${name} takes only so many new runners in a while; this one has its turn`,
    until: notBefore,
  };
}

function waitingForSlot(run: QueuedRun, slot: string): Waiting {
  const limit = run.slots.find(({ key }) => key === slot)?.limit;
  if (slot.startsWith('platform:'))
    return {
      reason: 'capacity',
      slot,
      message: `${limit} runners are under way, which is as many as this Errand may start at once`,
    };
  if (run.schedule !== undefined && slot === scheduleSlot(run.schedule.name))
    return {
      reason: 'concurrency',
      slot,
      message: `an earlier run of the schedule ${run.schedule.name} is under way, and its runs wait for each other`,
    };
  const { key } = run.definition.concurrency ?? {};
  const scope = key === undefined ? '' : ` with this value of ${key}`;
  return {
    reason: 'concurrency',
    slot,
    message: `${limit} ${limit === 1 ? 'run' : 'runs'} of ${run.taskName}${scope} under way, which is its concurrency limit`,
  };
}
