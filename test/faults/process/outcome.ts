/** What came of one scenario. */
export interface ScenarioOutcome {
  /** What happened, with figures, for the report. */
  lines: string[];
  /** One for each promise that was broken, and for each thing that was not as documented. */
  failures: string[];
  /** Faults that happened: a process killed or stopped, a disk filled, a clock set. */
  faults: number;
  runs: number;
  /** Accepted runs that have no record or no end. */
  lost: number;
  startedTwice: number;
  containersLeft: number;
  /** Why it could not be carried out here. */
  leftOut?: string;
}

export const nothingYet = (): ScenarioOutcome => ({
  lines: [],
  failures: [],
  faults: 0,
  runs: 0,
  lost: 0,
  startedTwice: 0,
  containersLeft: 0,
});

export function sumOf(outcomes: readonly ScenarioOutcome[]): ScenarioOutcome {
  return outcomes.reduce(
    (sum, each) => ({
      lines: [...sum.lines, ...each.lines],
      failures: [...sum.failures, ...each.failures],
      faults: sum.faults + each.faults,
      runs: sum.runs + each.runs,
      lost: sum.lost + each.lost,
      startedTwice: sum.startedTwice + each.startedTwice,
      containersLeft: sum.containersLeft + each.containersLeft,
    }),
    nothingYet(),
  );
}
