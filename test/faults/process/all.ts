import { sumOf, type ScenarioOutcome } from './outcome.ts';
import { clockSteps } from './scenarios/clock.ts';
import { daemonRestarted } from './scenarios/daemon.ts';
import { descriptorsExhausted } from './scenarios/descriptors.ts';
import { diskFull } from './scenarios/disk.ts';
import { killAtRandom } from './scenarios/kill.ts';
import { stopAndGoOn } from './scenarios/stop.ts';
import { oldAndNew } from './scenarios/versions.ts';

export interface ProcessFaultsOptions {
  /** Determines the moments of the faults. */
  seed: number;
  /** Told each line and each failure when its scenario is over. */
  log?: (line: string) => void;
}

/** Faults of processes and of the machine below them: each scenario in full, one after the other. A scenario that cannot be carried out here is a failure. */
export async function processFaults({ seed, log = () => undefined }: ProcessFaultsOptions): Promise<ScenarioOutcome> {
  const scenarios: (() => Promise<ScenarioOutcome>)[] = [
    () => killAtRandom({ seed, runs: 100, kills: 30 }),
    () => stopAndGoOn({ seed, stops: 12, runsPerStop: 10 }),
    () => diskFull({ rounds: 6 }),
    () => descriptorsExhausted({ rounds: 10 }),
    () => clockSteps({ direction: 'forwards', servers: 1 }),
    () => clockSteps({ direction: 'back', servers: 1 }),
    () => clockSteps({ direction: 'forwards', servers: 2 }),
    () => clockSteps({ direction: 'back', servers: 2 }),
    () => daemonRestarted({ stops: ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGTERM'] }),
    () => oldAndNew(),
  ];
  const outcomes: ScenarioOutcome[] = [];
  for (const scenario of scenarios) {
    const outcome = await scenario();
    if (outcome.leftOut !== undefined) outcome.failures.push(...outcome.lines);
    for (const line of [...outcome.lines, ...outcome.failures]) log(line);
    outcomes.push(outcome);
  }
  return sumOf(outcomes);
}
