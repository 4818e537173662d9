import { sumOf, type ScenarioOutcome } from './outcome.ts';
import { diskFull } from './scenarios/disk.ts';
import { killAtRandom } from './scenarios/kill.ts';
import { stopAndGoOn } from './scenarios/stop.ts';

export interface ProcessFaultsOptions {
  /** Determines the moments of the faults. */
  seed: number;
  /** Told what is going on. */
  log?: (line: string) => void;
}

/** Faults of processes and of the machine below them: each scenario in full, one after the other. */
export async function processFaults({ seed, log = () => undefined }: ProcessFaultsOptions): Promise<ScenarioOutcome> {
  const scenarios: (() => Promise<ScenarioOutcome>)[] = [
    () => killAtRandom({ seed, runs: 60, kills: 20 }),
    () => stopAndGoOn({ seed, stops: 10, runsPerStop: 10 }),
    () => diskFull({ rounds: 6 }),
  ];
  const outcomes: ScenarioOutcome[] = [];
  for (const scenario of scenarios) {
    const outcome = await scenario();
    for (const line of [...outcome.lines, ...outcome.failures]) log(line);
    outcomes.push(outcome);
  }
  return sumOf(outcomes);
}
