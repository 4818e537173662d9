import type { CrashCase } from './crash-case.ts';
import type { Lane, Outcome } from './lane.ts';

export interface Done<C extends CrashCase = CrashCase> {
  crash: C;
  outcome: Outcome;
  /** How often it was tried until the point was reached, or given up. */
  tries: number;
}

export interface RunOptions<C extends CrashCase> {
  /** A point that was not reached is tried again up to so often in all. */
  tries?: (crash: C) => number;
  /** Whether it has shown what there was to see. Default: its point was reached, or something was broken. */
  isDone?: (crash: C, outcome: Outcome) => boolean;
  onDone?: (done: Done<C>, count: number) => void;
}

/** Runs all cases, one at a time in each lane. */
export async function runAll<C extends CrashCase>(
  lanes: readonly Lane[],
  cases: readonly C[],
  {
    tries = () => 1,
    isDone = (_, { visited, violations }) => visited || violations.length > 0,
    onDone = () => undefined,
  }: RunOptions<C> = {},
): Promise<Done<C>[]> {
  const done: Done<C>[] = [];
  const waiting = cases.values();
  const work = async (lane: Lane): Promise<void> => {
    for (const crash of waiting) {
      const limit = tries(crash);
      for (let count = 1; ; count += 1) {
        const outcome = await lane.run(crash);
        if (count < limit && !isDone(crash, outcome)) continue;
        done.push({ crash, outcome, tries: count });
        onDone({ crash, outcome, tries: count }, done.length);
        break;
      }
    }
  };
  await Promise.all(lanes.map(work));
  return done;
}
