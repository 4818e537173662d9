import { fromInstant } from './clock.ts';
import type { Policy } from './policy.ts';
import { currentAttempt, type AttemptRecord, type RunningRun, type RunRecord, type StartingRun } from './run-record.ts';

/** All in milliseconds since the epoch. */

/** The least that `totalSeconds` is where nobody gives it. */
const defaultTotalSeconds = 90_000;

/** When everything about the run ends, retries included. */
export function totalDeadline(run: RunRecord): number {
  return fromInstant(run.createdAt) + totalSeconds(run) * 1000;
}

/** When a run that was never started expires. */
export function queueDeadline(run: RunRecord): number {
  return fromInstant(run.createdAt) + run.definition.timeouts.queueSeconds * 1000;
}

/** Until when a queued run may wait, whatever for. */
export function waitDeadline(run: RunRecord): number {
  return run.attempts.some(({ counted }) => counted)
    ? totalDeadline(run)
    : Math.min(queueDeadline(run), totalDeadline(run));
}

/** When the attempt must have taken its fence. */
export function startDeadline(run: StartingRun): number {
  return fromInstant(currentAttempt(run).openedAt) + run.definition.timeouts.startSeconds * 1000;
}

/** When the runner must have ended the task by itself, and the orchestrator stops leaving it to the runner. */
export function runDeadline(run: RunningRun, policy: Policy): number {
  const { runSeconds, graceSeconds } = run.definition.timeouts;
  return fromInstant(run.startedAt) + (runSeconds + graceSeconds) * 1000 + policy.marginMs;
}

const longestClearingMs = 3_600_000;

/** When it is tried again to remove what could not be. As long again as it has been tried already: soon after an outage, and rarely where people have to lend a hand. */
export function nextClearing({ endedAt }: AttemptRecord, now: number, { safetyLookMs }: Policy): number {
  const triedForMs = endedAt === undefined ? 0 : now - fromInstant(endedAt);
  return now + Math.min(Math.max(triedForMs, safetyLookMs), longestClearingMs);
}

function totalSeconds(run: RunRecord): number {
  const { queueSeconds, startSeconds, runSeconds, graceSeconds, totalSeconds: given } = run.definition.timeouts;
  if (given !== undefined) return given;
  const { maxAttempts, backoff } = run.definition.retry;
  const sum =
    queueSeconds + maxAttempts * (startSeconds + runSeconds + graceSeconds) + (maxAttempts - 1) * backoff.maxSeconds;
  return Math.max(defaultTotalSeconds, sum);
}
