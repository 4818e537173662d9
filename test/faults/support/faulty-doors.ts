import { serverHarness } from '../../http/support/server-harness.ts';
import type { Door, OpenDoor } from '../../e2e/door.ts';
import { withFaultyPorts } from './faulty-ports.ts';
import { faultKinds, injector, schedules, type FaultKind, type Schedule } from './injector.ts';
import { patientDoor } from './patient-door.ts';
import { faultPolicy, impatient } from './short-times.ts';

/** What the end-to-end files run under, as `ERRAND_FAULTS` names it: `<kind or all> <schedule> <seed>`, several with commas. */
const selection = 'all first 1';

export interface NamedDoor {
  name: string;
  open: OpenDoor;
}

/** A door for each combination; its name, and so that of each of its tests, says how to have it again. */
export function faultyDoors(wanted = process.env['ERRAND_FAULTS'] ?? selection): NamedDoor[] {
  return wanted.split(',').map((text) => {
    const [first, second, third] = text.trim().split(' ');
    const kinds = faultKinds.filter((kind) => first === 'all' || kind === first);
    const schedule = schedules.find((name) => name === second);
    const seed = Number(third ?? 1);
    if (kinds.length === 0 || schedule === undefined || !Number.isInteger(seed))
      throw new Error(`"${text}" names no faults: it must read like "reset half 1"`);
    return {
      name: `a server under faults (${first} ${schedule}, seed ${seed})`,
      open: () => openDoor(kinds, schedule, seed),
    };
  });
}

async function openDoor(kinds: readonly FaultKind[], schedule: Schedule, seed: number): Promise<Door> {
  const faults = injector({ seed, schedule, kinds });
  const server = await serverHarness({
    clock: impatient(100),
    decorate: (context) =>
      withFaultyPorts({ ...context, policy: faultPolicy }, { injector: faults, silenceMs: 100, stale: 'late' }),
  });
  const door = await patientDoor(server.url);
  faults.start();
  return {
    url: door.url,
    close: async () => {
      faults.stop();
      await door.close();
      await server.dispose();
    },
  };
}
