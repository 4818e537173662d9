import { expect, test } from 'vitest';

import type { Control } from './support/controls.ts';
import type { Outcome } from './support/lane.ts';
import type { Plan, PlannedPoint } from './support/plan.ts';
import { reportOf } from './support/report.ts';
import type { Done } from './support/run-all.ts';
import { survived } from './support/sample-outcome.ts';

const plan: Plan = { points: [], leftOut: [], problems: [] };

function point(name: string, outcome: Partial<Outcome>, byTiming = false): Done<PlannedPoint> {
  const crash: PlannedPoint = {
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'kill', point: name },
    byTiming,
  };
  return { crash, outcome: { ...survived, ...outcome }, tries: 8 };
}

function control(violations: string[]): Done<Control> {
  const crash: Control = {
    variant: 'noFence',
    shows: /executed 2 times/,
    driver: 'process',
    scenario: 'success',
    fault: { kind: 'reboot', point: 'driver.create:1:after' },
  };
  return { crash, outcome: { ...survived, violations }, tries: 1 };
}

test('what was visited and survived passes, and the figures say so', () => {
  const { failures, closing } = reportOf(
    plan,
    [point('storage.getRun:1:after', {})],
    [control(['it was executed 2 times'])],
  );
  expect(failures).toEqual([]);
  expect(closing).toBe('1 points, 1 crashes, 1 runs, 0 lost, 0 started twice, 0 containers left');
});

test('an unvisited point fails', () => {
  const { failures } = reportOf(plan, [point('storage.getRun:1:after', { visited: false })], []);
  expect(failures).toContain('process success kill at storage.getRun:1:after: not visited in 8 tries');
});

test('a call of many may stay away where another of its kind was visited in that scenario', () => {
  const others = Array.from({ length: 30 }, (_, at) => point(`storage.getRun:${at + 1}:after`, {}));
  const away = point('storage.getRun:31:after', { visited: false });
  expect(reportOf(plan, [...others, away], []).failures).toEqual([]);
  const elsewhere = { ...away, crash: { ...away.crash, scenario: 'retry' as const } };
  expect(reportOf(plan, [...others, elsewhere], []).failures).toEqual([
    'process retry kill at storage.getRun:31:after: not visited in 8 tries',
  ]);
  expect(reportOf(plan, [...others, away, away], []).failures).toEqual([
    '2 points that were recorded each time were not visited',
  ]);
});

test('what the recording met only sometimes may stay away where its kind was visited, and is named', () => {
  const { failures, lines } = reportOf(
    plan,
    [
      point('driver.remove/pause:1:after', { points: ['driver.remove/pause:1:after', 'driver.remove/pause:2:after'] }),
      point('driver.remove/pause:2:after', { visited: false }, true),
    ],
    [],
  );
  expect(failures).toEqual([]);
  expect(lines.join('\n')).toContain('not met: 2');
  expect(lines).toContain('came by timing and stayed away: 1 points');
  expect(lines).toContain(
    '  process success kill at driver.remove/pause:2:after: not in 8 tries; 1 of the 2 lives of its scenario passed it',
  );
});

test('a kind of point that a cell has visited in no scenario fails, however it comes', () => {
  const away = point('driver.remove/pause:1:after', { visited: false }, true);
  const elsewhere = point('driver.remove/pause:1:after', {});
  elsewhere.crash = { ...elsewhere.crash, driver: 'docker' };
  expect(reportOf(plan, [away, elsewhere], []).failures).toEqual([
    'process: driver.remove/pause:after was recorded, and not visited in any scenario (8 tries)',
  ]);
});

test('a look that changes nothing and comes by timing may stay away everywhere, and is named', () => {
  const rare = (byTiming: boolean) => [
    point('engine.GET /containers/{runner}/logs:1:after', { visited: false }, byTiming),
  ];
  const { failures, lines } = reportOf(plan, rare(true), []);
  expect(failures).toEqual([]);
  expect(lines).toContain('came by timing and stayed away: 1 points');
  expect(reportOf(plan, rare(false), []).failures).not.toEqual([]);
});

test('a cell has its figures in the matrix', () => {
  const { lines } = reportOf(plan, [point('storage.getRun:1:after', {}), point('storage.getRun:2:after', {})], []);
  expect(lines.find((line) => /process +sqlite +filesystem/.test(line))).toContain(
    '1 kinds of points, 2 points, 2 crashes, 2 runs, 0 lost',
  );
});

test('a broken promise fails, and is counted', () => {
  const { failures, closing } = reportOf(
    plan,
    [point('driver.create:1:after', { violations: ['twice'], startedTwice: 1 })],
    [],
  );
  expect(failures).toEqual(['process success kill at driver.create:1:after: twice']);
  expect(closing).toContain('1 started twice');
});

test('a control that is not caught, or by something else, fails', () => {
  expect(reportOf(plan, [], [control([])]).failures).toHaveLength(1);
  expect(reportOf(plan, [], [control(['the machine was slow'])]).failures).toHaveLength(1);
});

test('what went wrong without a fault fails', () => {
  expect(reportOf({ ...plan, problems: ['no end'] }, [], []).failures).toEqual(['no end']);
});
