import { expect, test } from 'vitest';

import type { Firing, ScheduleView } from '../../../src/contract/schedule.ts';
import { firingWord, isUnreadable, needsAttention } from '../../../web/text/schedule-text.ts';

const at = '2026-01-01T02:30:00.000Z';
const refused: Firing = { plannedAt: at, at, outcome: 'failed', reason: 'taskDisabled' };
const skipped: Firing = { plannedAt: at, at, outcome: 'skipped', reason: 'overlap' };

const schedule = (changes: Partial<ScheduleView>): ScheduleView => ({
  name: 'nightly',
  taskName: 'Report',
  parameters: [],
  labels: {},
  timeouts: {},
  cron: '30 2 * * *',
  timeZone: 'UTC',
  overlap: 'skip',
  catchUpSeconds: 7_200,
  paused: false,
  nextAt: at,
  upcoming: [at],
  firings: [],
  createdAt: at,
  createdBy: 'ann',
  updatedAt: at,
  updatedBy: 'ann',
  etag: 'one',
  ...changes,
});

test.each<[what: string, changes: Partial<ScheduleView>, needs: boolean]>([
  ['new', {}, false],
  ['refused the last time', { firings: [refused] }, true],
  ['refused before, and skipped since', { firings: [skipped, refused] }, false],
  ['of times that nobody can read', { upcoming: [] }, true],
  ['due, while something is out of order', { retrying: { failures: 1, message: 'no answer' } }, true],
  ['paused after a refusal', { paused: true, upcoming: [], firings: [refused] }, false],
])('a schedule that is %s', (_, changes, needs) => {
  expect(needsAttention(schedule(changes))).toBe(needs);
});

test('the times of a paused schedule are not known to be unreadable', () => {
  expect([{ paused: true, upcoming: [] }, { upcoming: [] }].map((each) => isUnreadable(schedule(each)))).toEqual([
    false,
    true,
  ]);
});

test('what came of a planned time has a word', () => {
  const missed: Firing = { ...refused, reason: 'missed' };
  expect([refused, skipped, missed, { ...missed, outcome: 'skipped' as const }].map(firingWord)).toEqual([
    'refused',
    'skipped',
    'missed',
    'missed',
  ]);
});
