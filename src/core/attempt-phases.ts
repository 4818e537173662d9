import { fromInstant } from './clock.ts';
import type { AttemptRecord, RunRecord } from './run-record.ts';

/** Where the time of an attempt went. `pull` lies within `create`, where the platform pulls before it answers; the others follow one another. */
type PhaseName = 'create' | 'pull' | 'start' | 'fetch' | 'run' | 'settle';

export interface Phase {
  name: PhaseName;
  /** Milliseconds since the epoch, as `to`; never after it. */
  from: number;
  to: number;
}

/**
 * The phases of an attempt that has ended, from its recorded times. Clocks of runner and orchestrator differ, and a fence may be seen before the create is answered:
 * what would overlap is cut, so that the phases (but for `pull`) add up to the attempt.
 */
export function attemptPhases(attempt: AttemptRecord): Phase[] {
  const { openedAt, createdAt, fencedAt, endedAt, fetchMs, runMs } = attempt;
  if (endedAt === undefined) return [];
  const end = fromInstant(endedAt);
  const phases: Phase[] = [];
  let at = fromInstant(openedAt);
  const until = (name: PhaseName, wanted: number): void => {
    const to = Math.max(Math.min(wanted, end), at);
    phases.push({ name, from: at, to });
    at = to;
  };

  // The fence may be seen some time after it was taken; how long the executable ran, the runner has measured.
  const fenced = fencedAt === undefined ? undefined : Math.min(fromInstant(fencedAt), end - (runMs ?? 0));
  const booted = fenced === undefined ? end : fenced - (fetchMs ?? 0);
  until('create', createdAt === undefined ? booted : Math.min(fromInstant(createdAt), booted));
  phases.push(...pull(attempt));
  if (createdAt === undefined && fenced === undefined) return phases;
  until('start', booted);
  if (fenced === undefined) return phases;
  if (fetchMs !== undefined) until('fetch', fenced);
  // With a time for the fetch and none for the run, the runner says that it has started nothing.
  if (runMs !== undefined) until('run', at + runMs);
  else if (fetchMs === undefined) until('run', end);
  until('settle', end);
  return phases;
}

function pull({ pulledAt, pullMs, openedAt }: AttemptRecord): Phase[] {
  if (pulledAt === undefined || pullMs === undefined) return [];
  const to = fromInstant(pulledAt);
  return [{ name: 'pull', from: Math.max(to - pullMs, fromInstant(openedAt)), to }];
}

/** Since when the run had waited for attempt number `next` (milliseconds since the epoch): its acceptance, or the end of the attempt before. */
export function queuedSince({ createdAt, attempts }: Pick<RunRecord, 'createdAt' | 'attempts'>, next: number): number {
  const before = attempts.findLast(({ number }) => number < next);
  return fromInstant(before?.endedAt ?? createdAt);
}
