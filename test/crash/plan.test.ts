import { expect, test } from 'vitest';

import type { CrashCase } from './support/crash-case.ts';
import { isVisited, kindsOf, visitTheRest } from './support/kinds.ts';
import type { Lane, Outcome } from './support/lane.ts';
import { firstOfEachKind, makePlan, type PlannedPoint } from './support/plan.ts';
import { survived } from './support/sample-outcome.ts';

/** A lane where nothing happens but what is said here of the nth life of a case. */
function laneOf(live: (crash: CrashCase, life: number) => Partial<Outcome>): Lane {
  const lives = new Map<string, number>();
  return {
    run: async (crash) => {
      const name = JSON.stringify(crash);
      const life = (lives.get(name) ?? 0) + 1;
      lives.set(name, life);
      return { ...survived, ...live(crash, life) };
    },
  };
}

test('the first of a kind is the first call, though another had its answer before', () => {
  const seen = [
    'driver.remove:1:before',
    'driver.remove:2:before',
    'driver.remove:2:after',
    'storage.getRun:10:before',
    'driver.remove:1:after',
    'storage.getRun:9:before',
  ];
  expect(firstOfEachKind(seen)).toEqual(['driver.remove:1:before', 'driver.remove:1:after', 'storage.getRun:9:before']);
});

test('a kind of point that was recorded once in one scenario is planned, though it comes by timing', async () => {
  const lane = laneOf(({ scenario }, life) => ({
    points: [
      'storage.getRun:1:before',
      ...(scenario === 'slot' && life === 2 ? ['driver.stop:1:before', 'storage.getRun:1:before'] : []),
    ],
  }));
  const { points, leftOut } = await makePlan([lane], ['process'], false);
  const kills = points.filter(({ fault }) => fault.kind === 'kill');
  expect(kills).toEqual([
    {
      driver: 'process',
      scenario: 'success',
      fault: { kind: 'kill', point: 'storage.getRun:1:before' },
      byTiming: false,
    },
    { driver: 'process', scenario: 'slot', fault: { kind: 'kill', point: 'driver.stop:1:before' }, byTiming: true },
  ]);
  expect(leftOut.map(({ scenario }) => scenario)).not.toContain('success');
  expect(leftOut.find(({ scenario }) => scenario === 'slot')?.count).toBe(1);
});

test('what only the first life on an engine meets is not planned, but has to be right', async () => {
  const lane = laneOf(({ scenario }, life) => {
    const isFirst = scenario === 'success' && life === 1;
    return {
      points: ['storage.getRun:1:before', ...(isFirst ? ['engine.POST /networks/create:1:before'] : [])],
      violations: isFirst ? ['there is no network'] : [],
    };
  });
  const { points, problems } = await makePlan([lane], ['process'], false);
  expect(JSON.stringify(points)).not.toContain('/networks/create');
  expect(problems).toEqual(['process success without a fault: there is no network']);
});

test('a kind that was missed is tried until it is visited, and others are left as they are', async () => {
  const point = (name: string): PlannedPoint => ({
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: name },
    byTiming: true,
  });
  const done = [
    { crash: point('driver.stop:1:before'), outcome: { ...survived, visited: false }, tries: 3 },
    { crash: point('storage.getRun:1:before'), outcome: survived, tries: 1 },
  ];
  const lane = laneOf((_, life) => ({ visited: life === 10 }));
  const all = await visitTheRest([lane], done, {});
  expect(all.map(({ crash, tries }) => [crash.fault.point, tries])).toEqual([
    ['storage.getRun:1:before', 1],
    ['driver.stop:1:before', 10],
  ]);
  expect(kindsOf(all).every(isVisited)).toBe(true);
  const never = await visitTheRest([laneOf(() => ({ visited: false }))], done, {});
  expect(kindsOf(never).filter((kind) => !isVisited(kind))).toHaveLength(1);
});
