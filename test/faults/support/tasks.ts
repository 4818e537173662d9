import type { Execution } from '../../promise/evidence.ts';
import type { DriverName, ScenarioName } from '../../crash/support/crash-case.ts';
import { definitionOf, executableOf, parametersOf, printedBy, scenarioOf } from '../../crash/support/scenarios.ts';

/** The tasks of the crash test that are run here, each several times in one scenario. */
export const taskNames = ['success', 'retry', 'cancelRunning', 'secret', 'slot'] as const satisfies ScenarioName[];
export type TaskName = (typeof taskNames)[number];

export interface WantedRun {
  task: TaskName;
  /** Its `Idempotency-Key`. */
  key: string;
}

/** Every task, and the one with a slot twice. */
export function wantedRuns(rounds: number): WantedRun[] {
  return Array.from({ length: rounds }, (_, round) =>
    [...taskNames, 'slot' as const].map((task, at): WantedRun => ({ task, key: `${task}-${round}-${at}` })),
  ).flat();
}

/** None of them is to end a run: half of all calls fail, on a machine that has other things to do. */
const timeouts = { queueSeconds: 3_600, startSeconds: 1_800, runSeconds: 600, graceSeconds: 1 };

/** Files to be put beside each other, by name. */
export function taskFiles(driver: DriverName): Map<string, string> {
  const files = new Map<string, string>();
  for (const task of taskNames) {
    const document = { ...definitionOf(task, driver), timeouts, taskName: task, scriptName: `${task}.sh` };
    // What is canceled must not come to its end before, however often that fails.
    files.set(`${task}.sh`, executableOf(task, driver).replace('\nsleep 30\n', '\nsleep 500\n'));
    files.set(`${task}.json`, JSON.stringify(document));
  }
  return files;
}

export function parametersFor(task: TaskName, tally: string): { name: string; value: string }[] {
  return parametersOf(task, tally);
}

export function printedByTask(task: TaskName, { id, ended }: Execution): string {
  // Of one that did not end: what it would have printed.
  return printedBy(task, id, ended || task !== 'cancelRunning');
}

export interface Expected {
  state: string;
  exitCode: number | undefined;
  /** User code, over all attempts. */
  executions: { least: number; most: number };
}

export function expectedOf(task: TaskName, driver: DriverName): Expected {
  const { state, exitCode, executions } = scenarioOf(task, driver);
  return { state, exitCode, executions };
}
