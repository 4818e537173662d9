import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { errorTable, problemCodes } from '../../src/contract/errors.ts';
import { endReasons } from '../../src/contract/run.ts';

const page = readFileSync('docs/errors.md', 'utf8');

/** The rows of the table under a heading, as cells without their quotes. */
function rows(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
    );
}

test('every code of the table is documented as it is, and no other', () => {
  const documented = rows('Codes').map(([code, status, again, whose]) => [code, status, again, whose].join(' '));
  const table = Object.entries(errorTable).map(([code, { status, retryable, fault }]) =>
    [code, String(status), retryable ? 'yes' : 'no', fault].join(' '),
  );
  expect(documented.toSorted()).toEqual(table.toSorted());
});

test('every code says what to do', () => {
  expect(rows('Codes').filter(([, , , , advice = '']) => advice.length < 10)).toEqual([]);
});

test('every code of a problem and every reason is documented, and no other', () => {
  expect(
    rows('Problems')
      .map(([code = '']) => code)
      .toSorted(),
  ).toEqual([...problemCodes].toSorted());
  expect(
    rows('Reasons')
      .map(([reason = '']) => reason)
      .toSorted(),
  ).toEqual([...endReasons].toSorted());
});
