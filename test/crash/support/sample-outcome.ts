import type { Outcome } from './lane.ts';

/** A case whose point was reached, and in which no promise was broken. */
export const survived: Outcome = {
  visited: true,
  violations: [],
  points: [],
  runs: 1,
  lost: 0,
  startedTwice: 0,
  containersLeft: 0,
  seconds: 1,
};
