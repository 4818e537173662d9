import { appendFile } from 'node:fs/promises';

import type { Context } from '../../../src/core/context.ts';
import { defaultPolicy } from '../../../src/core/policy.ts';
import { until } from '../../crash/support/processes.ts';
import type { Door, OpenDoor } from '../../e2e/door.ts';
import { serverHarness } from '../../http/support/server-harness.ts';
import { checkPromise, describeBreach } from '../../promise/check-promise.ts';
import type { Write } from '../../promise/evidence.ts';
import { withWrites } from '../../promise/with-writes.ts';
import type { DoorReport } from './e2e-under-faults.ts';
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

/** Tests of logs print more than a scenario does. */
const policy = { ...faultPolicy, logMaxBytes: defaultPolicy.logMaxBytes };
/** Faults come in bouts of that many milliseconds, with as long a calm between: at half of all calls it is a matter of luck when something ends. */
const boutMs = 4_000;
/** How long runs that nobody waited for may take to come to their end. */
const restMs = 60_000;

/** Closing it holds what is left against the promise. */
async function openDoor(kinds: readonly FaultKind[], schedule: Schedule, seed: number): Promise<Door> {
  const faults = injector({ seed, schedule, kinds });
  const writes: Write[] = [];
  let plain: Context | undefined;
  const server = await serverHarness({
    // Receivers of webhooks are on loopback here.
    env: { ERRAND_WEBHOOK_ALLOW_INTERNAL: '127.0.0.1' },
    clock: impatient(100),
    decorate: (context) => {
      plain = context;
      return withFaultyPorts(
        { ...withWrites(context, (write) => writes.push(write)), policy },
        { injector: faults, silenceMs: 100, stale: 'late' },
      );
    },
  });
  const { storage, artifacts } = plain ?? server.errand.context;
  const door = await patientDoor(server.url);
  faults.start();
  let isCalm = false;
  const bouts = setInterval(() => {
    isCalm = !isCalm;
    if (isCalm) faults.stop();
    else faults.start();
  }, boutMs);

  async function verdict(): Promise<string[]> {
    const { orchestrator } = server.errand;
    for (const { id } of await storage.openRuns({ limit: 1_000 })) await orchestrator.cancel(id, 'tester');
    await until(restMs, async () => (await storage.openRuns({ limit: 1 })).length === 0);
    return (await checkPromise({ storage, artifacts, acceptances: door.acceptances, writes, left: [] })).map(
      describeBreach,
    );
  }

  return {
    url: door.url,
    isRough: true,
    close: async () => {
      clearInterval(bouts);
      faults.stop();
      await door.close();
      const breaches = await verdict();
      await server.dispose();
      const report: DoorReport = {
        faults: [...faults.counts.values()].reduce((sum, count) => sum + count, 0),
        runs: new Set(door.acceptances.map(({ runId }) => runId)).size,
      };
      const file = process.env['ERRAND_FAULT_REPORT'];
      if (file !== undefined) await appendFile(file, `${JSON.stringify(report)}\n`);
      if (breaches.length > 0) throw new Error(breaches.join('\n'));
    },
  };
}
