import { describe, expect, test } from 'vitest';

import { ago, ahead, bytes, counted, duration, money, percent } from '../../../web/text/format.ts';
import { filterOf, isFiltered, toQuery } from '../../../web/text/run-filter.ts';

describe('figures as people read them', () => {
  test.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [4_230, '4.2 s'],
    [59_949, '59.9 s'],
    [59_960, '1 min'],
    [192_000, '3 min 12 s'],
    [3_599_600, '1 h'],
    [7_500_000, '2 h 5 min'],
    [274_000_000, '3 d 4 h'],
  ])('%i milliseconds', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  test.each([
    [0, '0.00 USD'],
    [1.5, '1.50 USD'],
    [0.42, '0.42 USD'],
    [0.000_42, '0.00042 USD'],
    [0.000_000_1, '0.000000 USD'],
  ])('a sum of %f', (amount, text) => {
    expect(money(amount, 'USD')).toBe(text);
  });

  test('ages, sizes, counts and shares', () => {
    const now = Date.parse('2026-01-02T00:00:00Z');
    expect(
      ['2026-01-02T00:00:00Z', '2026-01-01T23:59:30.200Z', '2026-01-01T22:00:00Z'].map((at) => ago(at, now)),
    ).toEqual(['just now', '29 s ago', '2 h ago']);
    expect(
      ['2026-01-01T23:00:00Z', '2026-01-02T00:00:45.900Z', '2026-01-03T03:00:00Z'].map((at) => ahead(at, now)),
    ).toEqual(['now', 'in 45 s', 'in 1 d 3 h']);
    expect([1, 1023, 1536, 3_000_000].map(bytes)).toEqual(['1 byte', '1023 bytes', '1.5 KiB', '2.9 MiB']);
    expect([counted(1, 'run'), counted(1_000, 'run'), counted(2, 'run is', 'runs are')]).toEqual([
      '1 run',
      '1,000 runs',
      '2 runs are',
    ]);
    // Nearly all is not all.
    expect([0, 0.5, 0.996, 1].map(percent)).toEqual(['0 %', '50 %', '99.6 %', '100 %']);
  });
});

test('filters are read from the address, and sent as the API takes them', () => {
  const filter = filterOf(
    new URLSearchParams('state=failed&state=no&task=A&label=a=b=c&label=x&within=1h&cursor=next'),
  );
  expect(filter).toEqual({ states: ['failed'], task: 'A', labels: ['a=b=c'], within: '1h', cursor: 'next' });
  expect(toQuery(filter, Date.parse('2026-01-01T12:00:00Z'))).toEqual({
    task: 'A',
    states: ['failed'],
    labels: { a: 'b=c' },
    since: '2026-01-01T11:00:00.000Z',
  });
  const none = filterOf(new URLSearchParams('within=toString&state='));
  expect(isFiltered(none)).toBe(false);
  expect(toQuery(none, 0)).toEqual({ states: [], labels: {} });
});
