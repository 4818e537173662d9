import { azureStage } from './azure-stage.ts';
import { dockerStage } from './docker-stage.ts';
import { kindsOf, portFaults } from './fault-table.ts';
import { localWorld } from './local-world.ts';
import { cellsAcross, cellsApart } from './matrix.ts';
import type { Stage } from './stage.ts';
import { azureWires, dockerWire } from './wires.ts';

/** Half of all calls fail in some scenarios: what has not come to its end in the first time has to in the second. */
const patient = { rounds: 1, faultyMs: 30_000, patienceMs: 300_000, restMs: 60_000 };

/** Clients of Azure try again by themselves: with fewer failures in a row the core would never hear of one. */
const mostInARow = 5;

/** Each is opened when it is its turn. */
export const stages: Readonly<Record<string, () => Promise<Stage>>> = {
  ports: async () => {
    const faults = Object.fromEntries(Object.keys(portFaults).map((port) => [port, kindsOf(port)]));
    return {
      name: 'ports',
      faults,
      cells: (seed) => [...cellsAcross(faults, seed), ...cellsApart(faults, seed)],
      open: localWorld,
      close: async () => undefined,
      lanes: 8,
      options: patient,
    };
  },
  azure: async () => {
    const faults = Object.fromEntries(Object.values(azureWires).map(({ name, kinds }) => [name, kinds]));
    return {
      name: 'azure',
      faults,
      cells: (seed) => cellsAcross(faults, seed),
      ...(await azureStage()),
      lanes: 5,
      options: { ...patient, mostInARow },
    };
  },
  docker: async () => {
    const dockerHost = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock';
    const faults = { [dockerWire.name]: dockerWire.kinds };
    return {
      name: 'docker',
      faults,
      cells: (seed) => cellsAcross(faults, seed),
      open: dockerStage(dockerHost),
      close: async () => undefined,
      lanes: 3,
      options: patient,
    };
  },
};
