import { afterAll, describe, expect, test } from 'vitest';

import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { dockerControls, processControls, runControls, type Control } from './support/controls.ts';
import { describeCase, kindOf, type CrashCase, type DriverName, type Fault } from './support/crash-case.ts';
import { lane, type Lane } from './support/lane.ts';
import { localPlaces } from './support/local-place.ts';
import { firstOfEachKind } from './support/plan.ts';
import { runAll } from './support/run-all.ts';
import { workers } from './support/workers.ts';

/** The short form of `npm run test:crash`: each kind of point once, the worst ones with Docker, and the controls. */
const processes = workers();
afterAll(() => processes.close());

const lanesOf = (host?: string): Lane[] => [lane(processes, localPlaces(host)), lane(processes, localPlaces(host))];
/** Points that come by timing stay away now and then. */
const tries = 6;
/** Comes only where a run was not settled before its wake-up was due: whether it is met is the machine's doing, not Errand's. */
const isWakeUp = (point: string): boolean => point.startsWith('queue.handler:');

const runDocker = 'engine.POST /containers/{runner}/start:1';
const createDocker = 'engine.POST /containers/create {runner}:1';
const removeDocker = 'engine.DELETE /containers/{runner}:1';

/** Whatever was not survived, or not even reached. */
async function failuresOf(lanes: readonly Lane[], driver: DriverName, faults: readonly Fault[]): Promise<string[]> {
  const cases = faults.map((fault): CrashCase => ({ driver, scenario: 'success', fault }));
  const done = await runAll(lanes, cases, { tries: () => tries });
  return done.flatMap(({ crash, outcome }) =>
    [...outcome.violations, ...(outcome.visited || isWakeUp(crash.fault?.point ?? '') ? [] : ['not visited'])].map(
      (line) => `${describeCase(crash)}: ${line}`,
    ),
  );
}

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

describe('with processes', () => {
  const lanes = lanesOf();

  test('a run survives a death before and after each kind of call of a port', { timeout: 600_000 }, async () => {
    const [recorded] = await runAll(lanes, [{ driver: 'process', scenario: 'success' }]);
    const points = recorded?.outcome.points ?? [];
    expect(recorded?.outcome.violations).toEqual([]);
    const calls = firstOfEachKind(points).filter((point) => !/[/]|\.item:/.test(point));
    expect(calls.map(kindOf)).toEqual(
      expect.arrayContaining(['storage.updateRun:before', 'driver.create:after', 'exchange.collect:before']),
    );
    expect(
      await failuresOf(
        lanes,
        'process',
        calls.map((point) => ({ kind: 'kill', point })),
      ),
    ).toEqual([]);
  });

  test.each(processControls)(
    'without what $variant takes away the same crash is not survived',
    { timeout: 300_000 },
    (control) => expectCaught(lanes, control),
  );
});

describeWithDocker('with containers', () => {
  test(
    'a run survives a death, a late request and a lost answer around create, start and remove',
    { timeout: 600_000 },
    async () => {
      const faults: Fault[] = [
        ...[createDocker, runDocker, removeDocker].flatMap((point): Fault[] => [
          { kind: 'kill', point: `${point}:before` },
          { kind: 'kill', point: `${point}:after` },
        ]),
        { kind: 'kill', point: 'exchange.collect:1:after' },
        { kind: 'late', point: `${createDocker}:before` },
        { kind: 'answerLost', point: `${runDocker}:after` },
        { kind: 'stall', point: `${runDocker}:before` },
      ];
      expect(await failuresOf(lanesOf(dockerHost()), 'docker', faults)).toEqual([]);
    },
  );

  test.each(dockerControls.filter(({ variant }) => variant === 'startRepeated'))(
    'without what $variant takes away the same crash is not survived',
    { timeout: 300_000 },
    (control) => expectCaught(lanesOf(dockerHost()), control),
  );
});
