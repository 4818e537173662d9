import type { Control } from './controls.ts';
import type { Fault } from './crash-case.ts';

const create = 'engine.POST /containers/create {runner}:1';
const start = 'engine.POST /containers/{runner}/start:1';
const remove = 'engine.DELETE /containers/{runner}:1';

/** The worst moments of a container whose exchange is in Blob storage. */
export const dockerAzureFaults: readonly Fault[] = [
  { kind: 'kill', point: 'exchange.open:1:after' },
  { kind: 'kill', point: `${create}:after` },
  { kind: 'kill', point: `${start}:before` },
  { kind: 'kill', point: `${start}:after` },
  { kind: 'kill', point: 'exchange.collect:1:after' },
  { kind: 'kill', point: `${remove}:after` },
  { kind: 'late', point: `${start}:before` },
  { kind: 'answerLost', point: `${start}:after` },
];

/** What must be caught here as well. The fence is a blob. */
export const dockerAzureControls: readonly Control[] = [
  {
    variant: 'noFence',
    shows: /executed 2 times/,
    driver: 'dockerAzure',
    scenario: 'success',
    fault: { kind: 'reboot', point: 'driver.create:1:after' },
  },
  {
    variant: 'startRepeated',
    shows: /asked 2 times to start/,
    driver: 'dockerAzure',
    scenario: 'success',
    fault: { kind: 'answerLost', point: `${start}:after` },
  },
  {
    variant: 'waitTrusted',
    shows: /began 0 times/,
    driver: 'dockerAzure',
    scenario: 'success',
    fault: { kind: 'kill', point: `${create}:after` },
  },
];
