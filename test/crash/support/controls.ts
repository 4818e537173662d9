import type { CrashCase, Fault, VariantName } from './crash-case.ts';
import type { Lane, Outcome } from './lane.ts';
import { runAll, type Done } from './run-all.ts';

export interface Control extends CrashCase {
  variant: VariantName;
  fault: Fault;
  /** What the checker has to say to it. */
  shows: RegExp;
}

/** Whether it went wrong, and in the way that it should. */
export function caughtIn({ shows }: Control, { visited, violations }: Outcome): string | undefined {
  return visited ? violations.find((line) => shows.test(line)) : undefined;
}

/** What a control lets happen can be missed: the platform is not always quick enough to start a runner again before its container is removed. */
export function runControls(lanes: readonly Lane[], controls: readonly Control[]): Promise<Done<Control>[]> {
  return runAll(lanes, controls, {
    tries: () => 6,
    isDone: (control, outcome) => caughtIn(control, outcome) !== undefined,
  });
}

const create = 'engine.POST /containers/create {runner}:1';
const start = 'engine.POST /containers/{runner}/start:1';

/**
 * What must be caught, and where it shows. The same case without the variant must pass: then it is what was taken away that is missed,
 * and not the harness that sees ghosts.
 */
export const processControls: readonly Control[] = [
  {
    variant: 'noFence',
    shows: /executed 2 times/,
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'reboot', point: 'driver.create:1:after' },
  },
  {
    variant: 'noCompareAndSwap',
    shows: /writers wrote version/,
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: 'storage.updateRun:2:before' },
  },
  {
    variant: 'deletedBeforeSaved',
    shows: /its log is not complete/,
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: 'exchange.collect:1:after' },
  },
  {
    variant: 'waitTrusted',
    shows: /began 0 times/,
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: 'driver.create/spawn:1:before' },
  },
];

const put = 'engine.PUT /containerGroups/{runner}:1';

/** In calm weather, so that each has one cause. */
export const azureControls: readonly Control[] = [
  {
    variant: 'putRepeated',
    shows: /executed 2 times/,
    driver: 'azure',
    scenario: 'success',
    fault: { kind: 'answerLost', point: `${put}:after` },
  },
  {
    variant: 'noCompareAndSwap',
    shows: /writers wrote version/,
    driver: 'azure',
    scenario: 'success',
    fault: { kind: 'kill', point: 'storage.updateRun:2:before' },
  },
  {
    variant: 'deletedBeforeSaved',
    shows: /its log is not complete/,
    driver: 'azure',
    scenario: 'success',
    fault: { kind: 'kill', point: 'exchange.collect:1:after' },
  },
];

/** In a world where the runner is started once more after its end. */
export const azureRestartControls: readonly Control[] = [
  {
    variant: 'noFence',
    shows: /was executed \d+ times/,
    driver: 'azure',
    scenario: 'success',
    fault: { kind: 'kill', point: 'driver.create:1:after' },
  },
];

export const dockerControls: readonly Control[] = [
  {
    variant: 'noFence',
    shows: /executed 2 times/,
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'reboot', point: 'driver.create:1:after' },
  },
  {
    variant: 'startRepeated',
    shows: /asked 2 times to start/,
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'answerLost', point: `${start}:after` },
  },
  {
    variant: 'noCompareAndSwap',
    shows: /writers wrote version/,
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'kill', point: 'storage.updateRun:2:before' },
  },
  {
    variant: 'deletedBeforeSaved',
    shows: /its log is not complete/,
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'kill', point: 'exchange.collect:1:after' },
  },
  {
    variant: 'waitTrusted',
    shows: /began 0 times/,
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'kill', point: `${create}:after` },
  },
];
