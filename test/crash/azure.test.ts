import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startAzurite, type Azurite } from '../support/azurite.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { containerWay, type ContainerWay } from './support/azure-containers.ts';
import { containerFaults } from './support/azure-faults.ts';
import { azureWorld, type AzureWorld, type AzureWorldOptions } from './support/azure-world.ts';
import { azureControls, azureRestartControls, runControls, type Control } from './support/controls.ts';
import { describeCase, kindOf, type CrashCase, type DriverName, type Fault } from './support/crash-case.ts';
import { dockerAzureControls, dockerAzureFaults } from './support/docker-azure-faults.ts';
import { dockerAzurePlaces } from './support/docker-azure-place.ts';
import { lane, type Lane } from './support/lane.ts';
import { firstOfEachKind } from './support/plan.ts';
import { runAll } from './support/run-all.ts';
import { workers } from './support/workers.ts';

/** The short form of `npm run test:crash:azure`. Azurite and the emulator live in or beside this process, and are never killed. */
const processes = workers();
let azurite: Azurite;
const worlds: AzureWorld[] = [];

beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(async () => {
  await processes.close();
  for (const world of worlds) await world.close();
  await azurite.stop();
});

/** Points that come by timing stay away now and then. */
const tries = 6;

async function lanesIn(options: Omit<AzureWorldOptions, 'azurite'>): Promise<{ lanes: Lane[]; world: AzureWorld }> {
  const world = await azureWorld({ ...options, azurite });
  worlds.push(world);
  return { lanes: [lane(processes, world.open), lane(processes, world.open)], world };
}

async function failuresOf(
  lanes: readonly Lane[],
  faults: readonly Fault[],
  driver: DriverName = 'azure',
): Promise<string[]> {
  const cases = faults.map((fault): CrashCase => ({ driver, scenario: 'success', fault }));
  const done = await runAll(lanes, cases, { tries: () => tries });
  return done.flatMap(({ crash, outcome }) =>
    [...outcome.violations, ...(outcome.visited ? [] : ['not visited'])].map(
      (line) => `${describeCase(crash)}: ${line}`,
    ),
  );
}

/** Calls whose both sides are tried here; of all others one side, in turn. */
const bothSides = /^(?:storage\.updateRun|driver\.create|exchange\.collect|engine\.PUT .*):/;

describe('on tables, blobs and container groups', () => {
  test('a run survives a death at each kind of call, while answers are lost, requests throttled and runners restarted', async () => {
    const { lanes, world } = await lanesIn({ weather: 'rough' });
    const [recorded] = await runAll(lanes, [{ driver: 'azure', scenario: 'success' }]);
    expect(recorded?.outcome.violations).toEqual([]);
    const calls = firstOfEachKind(recorded?.outcome.points ?? []).filter((point) => !/^\w+\.\w+\/|\.item:/.test(point));
    expect(calls.map(kindOf)).toEqual(
      expect.arrayContaining([
        'storage.updateRun:before',
        'exchange.open:after',
        'engine.PUT /containerGroups/{runner}:after',
        'engine.DELETE /containerGroups/{runner}:before',
      ]),
    );
    const perKind = Map.groupBy(calls, (point) => point.replace(/:(?:before|after)$/, ''));
    const chosen = [...perKind.values()].flatMap((points, at) =>
      bothSides.test(points[0] ?? '') ? points : points.slice(at % 2, (at % 2) + 1),
    );
    expect(
      await failuresOf(
        lanes,
        chosen.map((point) => ({ kind: 'kill', point })),
      ),
    ).toEqual([]);
    // What was to make it hard was there.
    const { requests } = world.emulator;
    expect(requests.filter(({ lost }) => lost).length).toBeGreaterThan(0);
    expect(requests.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
    expect(world.restarts()).toBeGreaterThan(0);
  }, 600_000);

  test.each([...azureControls, ...azureRestartControls])(
    'without what $variant takes away the same crash is not survived',
    async (control) => {
      const { lanes } = await lanesIn({ weather: azureControls.includes(control) ? 'calm' : 'restarting' });
      await expectCaught(lanes, control);
    },
    300_000,
  );
});

describeWithDocker('with containers that reach Blob storage', () => {
  let containers: ContainerWay;
  beforeAll(async () => {
    containers = await containerWay(dockerHost(), azurite);
  });
  afterAll(() => containers.close());

  test('a run survives the worst moments around the PUT and the DELETE of a container group', async () => {
    const { lanes, world } = await lanesIn({ weather: 'rough', containers });
    try {
      expect(
        await failuresOf(
          lanes,
          containerFaults.filter((_, at) => at % 2 === 1),
        ),
      ).toEqual([]);
    } finally {
      await world.close();
    }
  }, 600_000);

  const dockerLanes = (): Lane[] => {
    const places = dockerAzurePlaces(azurite, containers);
    return [lane(processes, places), lane(processes, places)];
  };

  test('a run of the driver docker survives the worst moments around create, start, collect and remove', async () => {
    expect(await failuresOf(dockerLanes(), dockerAzureFaults, 'dockerAzure')).toEqual([]);
  }, 600_000);

  test.each(dockerAzureControls.filter(({ variant }) => variant === 'noFence'))(
    'with the driver docker and without what $variant takes away the same crash is not survived',
    (control) => expectCaught(dockerLanes(), control),
    300_000,
  );
});

/** The same crash with and without what the variant takes away, side by side. */
async function expectCaught(lanes: readonly Lane[], control: Control): Promise<void> {
  const { shows, variant: _, ...sound } = control;
  const [[whole], [broken]] = await Promise.all([
    runAll<CrashCase>(lanes.slice(0, 1), [sound], { tries: () => tries }),
    runControls(lanes.slice(1), [control]),
  ]);
  expect(whole?.outcome.violations).toEqual([]);
  expect(whole?.outcome.visited).toBe(true);
  expect(broken?.outcome.violations.join('\n')).toMatch(shows);
}
