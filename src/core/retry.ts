import type { RetryPolicy } from '../contract/task-definition.ts';
import { totalDeadline } from './deadlines.ts';
import type { Policy } from './policy.ts';
import type { RunRecord } from './run-record.ts';

export type RetryCause =
  | { kind: 'start' }
  | { kind: 'lost' }
  | { kind: 'timeout' }
  | { kind: 'exitCode'; exitCode: number };

/** When the next attempt may start (milliseconds since the epoch), or undefined where the run ends here. `random` is in [0, 1). */
export function retryAt(run: RunRecord, cause: RetryCause, now: number, random: number): number | undefined {
  const policy = run.definition.retry;
  const counted = run.attempts.filter((attempt) => attempt.counted).length;
  if (run.cancel !== undefined || counted >= policy.maxAttempts || !covers(policy, cause)) return undefined;
  return beforeTotal(run, now + backoffMs(policy.backoff, counted, random));
}

/** The same for an attempt under which nothing was started: not counted by `retry`, but not for ever. */
export function uncountedRetryAt(run: RunRecord, now: number, policy: Policy): number | undefined {
  const uncounted = run.attempts.filter(({ counted, reason }) => !counted && reason !== 'noCapacity').length;
  if (run.cancel !== undefined || uncounted >= policy.maxUncounted) return undefined;
  return beforeTotal(run, now + policy.uncountedBackoffMs * 2 ** (uncounted - 1));
}

/** Exponential, with the lower half fixed and the upper half drawn, so that runs that failed together do not come back together. */
export function backoffMs(backoff: RetryPolicy['backoff'], attemptsMade: number, random: number): number {
  // Nothing times infinity is no number.
  const growth = Math.min(backoff.factor ** Math.max(0, attemptsMade - 1), Number.MAX_VALUE);
  const seconds = Math.min(backoff.initialSeconds * growth, backoff.maxSeconds);
  return Math.round(seconds * 1000 * (0.5 + random / 2));
}

function covers(policy: RetryPolicy, cause: RetryCause): boolean {
  if (!policy.on.includes(cause.kind)) return false;
  return cause.kind !== 'exitCode' || policy.exitCodes.length === 0 || policy.exitCodes.includes(cause.exitCode);
}

function beforeTotal(run: RunRecord, at: number): number | undefined {
  return at < totalDeadline(run) ? at : undefined;
}
