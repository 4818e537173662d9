import { describe, expect, test } from 'vitest';

import { tasksSuite } from '../e2e/tasks.ts';
import { describeBreach } from '../promise/check-promise.ts';
import { describeCell, runCell, type Cell } from './support/cell.ts';
import { portFaults } from './support/fault-table.ts';
import { faultyDoors } from './support/faulty-doors.ts';
import { faultKinds, injector, schedules, type Schedule } from './support/injector.ts';
import { localWorld } from './support/local-world.ts';

/** The short form of `npm run test:faults`: all kinds at all ports together, and an end-to-end file among them. */
const seed = Number(process.env['ERRAND_FAULT_SEED'] ?? 1);
const patienceMs = 240_000;

describe('the injector', () => {
  const decisions = (schedule: Schedule, from: number): string[] => {
    const { decide, start } = injector({ seed: from, schedule, kinds: faultKinds });
    start();
    return Array.from({ length: 400 }, (_, at) => {
      const fault = decide({ port: 'storage', method: 'getRun', subject: `run ${at % 4}`, canBe: () => true });
      return fault === undefined ? '-' : `${fault.kind} ${fault.coin}`;
    });
  };

  test.each(schedules)('decides %s the same way again from the same seed', (schedule) => {
    expect(decisions(schedule, 7)).toEqual(decisions(schedule, 7));
    expect(decisions(schedule, 7)).not.toEqual(decisions(schedule, 8));
  });

  test('keeps to its rate, and never fails one operation three times in a row', () => {
    const share = (schedule: Schedule): number =>
      decisions(schedule, 7).filter((decision) => decision !== '-').length / 400;
    expect(share('first')).toBe(4 / 400);
    expect(Math.abs(share('everyThird') - 1 / 3)).toBeLessThan(0.01);
    expect(Math.abs(share('tenth') - 0.1)).toBeLessThan(0.05);
    // Without the bound it would be a half.
    expect(Math.abs(share('half') - 0.43)).toBeLessThan(0.06);
    const half = decisions('half', 7);
    for (let run = 0; run < 4; run += 1) {
      const own = half.filter((_, at) => at % 4 === run).map((decision) => (decision === '-' ? '.' : 'x'));
      expect(own.join('')).not.toContain('xxx');
    }
  });

  test('does nothing before it is started and after it is stopped, and counts what it does', () => {
    const { decide, start, stop, counts } = injector({ seed: 1, schedule: 'first', kinds: ['reset'] });
    const call = (subject: string) => decide({ port: 'queue', method: 'schedule', subject, canBe: () => true });
    expect(call('a')).toBeUndefined();
    start();
    expect(call('b')).toMatchObject({ kind: 'reset' });
    stop();
    expect(call('c')).toBeUndefined();
    expect([...counts]).toEqual([['queue reset', 1]]);
  });
});

test('every method of every port can fail, but for those that close it', async () => {
  const open = injector({ seed, schedule: 'first', kinds: [] });
  const world = await localWorld({ injector: open });
  try {
    const { artifacts, storage, queue, driver } = world.plain;
    const exchange = artifacts.exchange({ runId: '01arz3ndektsv4rrffq69g5fav', attempt: 1 });
    const without = new Set(['close', 'exchange', 'consume', 'instanceId']);
    for (const [port, methods] of Object.entries({ artifacts, storage, queue, driver, exchange })) {
      const names = Object.entries(methods).flatMap(([name, value]) =>
        typeof value === 'function' && !without.has(name) ? [name] : [],
      );
      const known = Object.keys(portFaults[port] ?? {}).filter((name) => name !== 'deliver');
      expect([port, known.toSorted()]).toEqual([port, names.toSorted()]);
    }
  } finally {
    await world.close();
  }
});

test('whatever goes wrong at a port, nothing is lost, nothing starts twice, and nothing is left', async () => {
  const cell: Cell = { kinds: faultKinds, schedule: 'tenth', seed };
  const { breaches } = await runCell(localWorld, cell, { patienceMs });
  expect(breaches.map(describeBreach), `${describeCell('ports', cell)} (seed ${seed})`).toEqual([]);
}, 300_000);

for (const { name, open } of faultyDoors(`all first ${seed}`)) tasksSuite(name, open);
