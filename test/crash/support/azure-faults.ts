import type { Fault } from './crash-case.ts';

const put = 'engine.PUT /containerGroups/{runner}:1';
const remove = 'engine.DELETE /containerGroups/{runner}:1';

/** The worst moments, for cases whose container groups are real containers. */
export const containerFaults: readonly Fault[] = [
  { kind: 'kill', point: 'exchange.open:1:after' },
  { kind: 'kill', point: `${put}:before` },
  { kind: 'kill', point: `${put}:after` },
  { kind: 'kill', point: 'exchange.collect:1:after' },
  { kind: 'kill', point: `${remove}:after` },
  { kind: 'late', point: `${put}:before` },
  { kind: 'stall', point: `${put}:before` },
  { kind: 'answerLost', point: `${put}:after` },
];
