import { systemClock, type Clock } from '../../../src/core/clock.ts';
import type { Policy } from '../../../src/core/policy.ts';
import { shortPolicy } from '../../crash/support/crash-case.ts';

/** Attempts that came to nothing are many here, and none of them may end a run. */
export const faultPolicy: Policy = { ...shortPolicy, maxUncounted: 1_000, uncountedBackoffMs: 0, noCapacityMs: 300 };

/**
 * The clock of the system, on which nobody waits for longer than that before looking again: what it shortens are time-outs of requests and pauses after
 * failures. Whoever waits for a moment looks at the clock again when woken.
 */
export function impatient(longestMs: number): Clock {
  return { ...systemClock, after: (ms, callback) => systemClock.after(Math.min(ms, longestMs), callback) };
}
