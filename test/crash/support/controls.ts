import type { CrashCase, VariantName } from './crash-case.ts';

export type Control = CrashCase & { variant: VariantName };

const create = 'engine.POST /containers/create {runner}:1';
const start = 'engine.POST /containers/{runner}/start:1';

/**
 * What must be caught, and where it shows. The same case without the variant must pass: then it is what was taken away that is missed,
 * and not the harness that sees ghosts.
 */
export const processControls: readonly Control[] = [
  {
    variant: 'noFence',
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'reboot', point: 'driver.create:1:after' },
  },
  {
    variant: 'noCompareAndSwap',
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: 'storage.updateRun:2:before' },
  },
  {
    variant: 'deletedBeforeSaved',
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: 'exchange.collect:1:after' },
  },
  {
    variant: 'waitTrusted',
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: 'driver.create/spawn:1:before' },
  },
];

export const dockerControls: readonly Control[] = [
  {
    variant: 'noFence',
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'reboot', point: 'driver.create:1:after' },
  },
  {
    variant: 'startRepeated',
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'answerLost', point: `${start}:after` },
  },
  {
    variant: 'noCompareAndSwap',
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'kill', point: 'storage.updateRun:2:before' },
  },
  {
    variant: 'deletedBeforeSaved',
    driver: 'docker',
    scenario: 'success',
    fault: { kind: 'kill', point: 'exchange.collect:1:after' },
  },
  { variant: 'waitTrusted', driver: 'docker', scenario: 'success', fault: { kind: 'kill', point: `${create}:after` } },
];
