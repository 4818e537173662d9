import { dockerControls, type Control } from './controls.ts';
import type { Fault, VariantName } from './crash-case.ts';

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

const shownHere = new Set<VariantName>(['noFence', 'startRepeated', 'waitTrusted']);

/** What must be caught here as well. The fence is a blob. */
export const dockerAzureControls: readonly Control[] = dockerControls
  .filter(({ variant }) => shownHere.has(variant))
  .map((control) => ({ ...control, driver: 'dockerAzure' }));
