import { systemClock, type Clock } from '../../../src/core/clock.ts';
import type { Policy } from '../../../src/core/policy.ts';
import { shortPolicy } from '../../crash/support/crash-case.ts';

/** Attempts that came to nothing are many here, and none of them may end a run. */
export const faultPolicy: Policy = { ...shortPolicy, maxUncounted: 200, noCapacityMs: 300 };

/** Time-outs of requests and pauses after failures are what this shortens; whoever waits for a moment looks at the clock again when woken. */
const longestMs = 2_000;

/** The clock of the system, on which nobody waits for long before looking again. */
export const impatient: Clock = {
  ...systemClock,
  after: (ms, callback) => systemClock.after(Math.min(ms, longestMs), callback),
};
