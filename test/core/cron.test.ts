import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { instant } from '../../src/core/clock.ts';
import { cronProblems, plannedTimes } from '../../src/core/cron.ts';

const ms = (text: string) => Date.parse(text);

/** The planned times after a moment. */
function following(cron: string, timeZone: string, after: string, count: number): string[] {
  const times = plannedTimes(cron, timeZone);
  const found: string[] = [];
  for (let at = times?.next(ms(after)); at !== undefined && found.length < count; at = times?.next(at))
    found.push(instant(at).replace(':00.000Z', 'Z'));
  return found;
}

describe('planned times', () => {
  test.each([
    // Berlin goes from 2:00 to 3:00 on 29 March 2026, and from 3:00 back to 2:00 on 25 October.
    [
      'a fixed time in the gap comes when the gap is over',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'a fixed time that comes twice is meant the first time',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'each hour is each hour, also over the gap',
      '0 * * * *',
      'Europe/Berlin',
      '2026-03-28T23:30Z',
      ['2026-03-29T00:00Z', '2026-03-29T01:00Z', '2026-03-29T02:00Z'],
    ],
    [
      'each half hour comes in both of two equal hours',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:40Z',
      ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-25T02:00Z'],
    ],
    [
      'a gap of half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T16:00Z',
      ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    ],
    [
      'a gap at midnight',
      '30 0 * * *',
      'America/Havana',
      '2026-03-07T06:00Z',
      ['2026-03-08T05:00Z', '2026-03-09T04:30Z'],
    ],
    ['the leap day', '0 0 29 2 *', 'UTC', '2026-01-01T00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
    ['a century without a leap day', '0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', ['2104-02-29T00:00Z']],
    ['the last day of each month', '0 0 L * *', 'UTC', '2028-01-31T12:00Z', ['2028-02-29T00:00Z', '2028-03-31T00:00Z']],
    ['the second Friday', '0 0 * * 5#2', 'UTC', '2026-01-01T00:00Z', ['2026-01-09T00:00Z', '2026-02-13T00:00Z']],
    [
      'day of month or day of week, as cron has it',
      '0 0 13 * FRI',
      'UTC',
      '2026-01-09T12:00Z',
      ['2026-01-13T00:00Z', '2026-01-16T00:00Z'],
    ],
    ['a name', '@Daily', 'Asia/Kolkata', '2026-01-01T00:00Z', ['2026-01-01T18:30Z', '2026-01-02T18:30Z']],
  ])('%s', (_, cron, timeZone, after, expected) => {
    expect(following(cron, timeZone, after, expected.length)).toEqual(expected);
  });

  test('the latest is the one before the next, in every zone and around every change of the clock', () => {
    const changes = [
      '2026-03-29T01:00Z',
      '2026-10-25T01:00Z',
      '2026-03-08T07:00Z',
      '2026-11-01T06:00Z',
      '2026-04-04T15:00Z',
    ];
    const aMoment = fc.oneof(
      fc.integer({ min: ms('2026-01-01T00:00Z'), max: ms('2028-12-31T00:00Z') }),
      fc
        .tuple(fc.constantFrom(...changes), fc.integer({ min: -7_200_000, max: 7_200_000 }))
        .map(([at, by]) => ms(at) + by),
    );
    const expressions = [
      '30 2 * * *',
      '*/7 * * * *',
      '15 1,2,3 * * *',
      '0 */2 * * *',
      '59 23 L * *',
      '10 2 * 3,10,11 0',
      '*/10 * * * * *',
    ];
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Havana'];
    fc.assert(
      fc.property(fc.constantFrom(...expressions), fc.constantFrom(...zones), aMoment, (cron, zone, moment) => {
        const times = plannedTimes(cron, zone);
        const next = times?.next(moment) ?? 0;
        expect(next).toBeGreaterThan(moment);
        expect(times?.latest(next)).toBe(next);
        const before = times?.latest(next - 1) ?? 0;
        expect(before).toBeLessThanOrEqual(moment);
        expect(times?.next(before)).toBe(next);
      }),
      { numRuns: 300 },
    );
  });

  test('there are none of what cannot be read', () => {
    expect(plannedTimes('every day', 'UTC')).toBeUndefined();
    expect(plannedTimes('@daily', 'Atlantis/Capital')).toBeUndefined();
  });
});

describe('what is wrong with an expression names the field', () => {
  const now = ms('2026-06-01T00:00Z');

  test.each([
    ['61 * * * *', /the minute of cron is "61": it takes 0-59/],
    ['0 25 * * *', /the hour of cron is "25": it takes 0-23/],
    ['0 0 32 * *', /the day of month of cron is "32"/],
    ['0 0 0 13 *', /the day of month of cron is "0"/],
    ['0 0 1 13 *', /the month of cron is "13"/],
    ['0 0 * * 8', /the day of week of cron is "8"/],
    ['0 0 * * FUN', /the day of week of cron is "FUN"/],
    ['99 0 0 * * *', /the second of cron is "99"/],
    ['5/15 * * * *', /the minute of cron is "5\/15".*steps/],
    ['* * * *', /five fields.*it has 4/],
    ['0 0 0 1 1 * 2027', /five fields.*it has 7/],
    ['2026-05-01T00:00:00', /five fields.*it has 1/],
    ['@reboot', /@reboot is not a name for cron: write @hourly/],
    ['', /it has 1/],
  ])('%s', (cron, message) => {
    const [problem] = cronProblems({ cron, timeZone: 'UTC' }, now);
    expect(problem).toMatchObject({ path: '/cron', code: 'invalidPattern', message: expect.stringMatching(message) });
  });

  test('each of several', () => {
    const problems = cronProblems({ cron: '60 24 * * *', timeZone: '+02:00' }, now);
    expect(problems.map(({ path, message }) => `${path} ${message.slice(0, 20)}`)).toEqual([
      '/cron the minute of cron i',
      '/cron the hour of cron is ',
      '/timeZone "+02:00" is no time ',
    ]);
  });

  test.each(['0 0 30 2 *', '0 0 31 4,6,9,11 *'])('%s never comes', (cron) => {
    expect(cronProblems({ cron, timeZone: 'UTC' }, now)).toEqual([
      expect.objectContaining({ path: '/cron', code: 'inconsistent', message: expect.stringContaining('never comes') }),
    ]);
  });

  test.each(['0 0 29 2 *', ' 30  2 * * mon-fri ', '0 9 ? * 7', '@weekly', '*/15 0-5,22,23 L JAN,jul *'])(
    '%s is right',
    (cron) => {
      expect(cronProblems({ cron, timeZone: 'America/Argentina/Buenos_Aires' }, now)).toEqual([]);
    },
  );
});
