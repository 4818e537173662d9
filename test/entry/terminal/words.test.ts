import { expect, test } from 'vitest';

import { terminalStates } from '../../../src/contract/run.ts';
import { exitCodeOf, exitCodes } from '../../../src/entry/terminal/exit-codes.ts';
import { explain } from '../../../src/entry/terminal/failure.ts';
import { fileProblem } from '../../../src/entry/terminal/file-problem.ts';
import { paintState, printable, styleFor } from '../../../src/entry/terminal/style.ts';
import { suggest } from '../../../src/entry/terminal/suggest.ts';
import { table } from '../../../src/entry/terminal/table.ts';
import { bytesText, duration, parseDuration } from '../../../src/entry/terminal/time-text.ts';
import { ErrandError, errorTable, type ErrorCode } from '../../../src/contract/errors.ts';

const colored = styleFor({ isTTY: true }, {}, false);
const plain = styleFor({}, {}, false);

test.each([
  ['rnu', 'run'],
  ['Helo', 'Hello'],
  ['hello', 'Hello'],
  ['xyz', undefined],
])('%s may mean %s', (given, meant) => {
  expect(suggest(given, ['run', 'runs', 'Hello', 'StopVM'])).toBe(meant);
});

test('every way to end has an exit code that only a failed run shares with its task', () => {
  const codes = terminalStates.map((state) => exitCodeOf({ state, exitCode: 42 }));
  expect(codes).toEqual([0, 42, exitCodes.timedOut, exitCodes.canceled, exitCodes.timedOut, exitCodes.lost]);
  expect(exitCodeOf({ state: 'failed' })).toBe(exitCodes.notStarted);
});

test("every error of ours exits with 120 where it is the caller's, otherwise with 125", () => {
  for (const code of Object.keys(errorTable) as ErrorCode[]) {
    const failure = explain(new ErrandError(code, 'why'), plain, { hasKey: false });
    expect(failure.exitCode).toBe(errorTable[code].status < 500 ? 120 : 125);
    expect(failure.text).toBe('errand: why\n');
  }
});

test.each([
  ['ENOENT', 'there is no such file or folder'],
  ['EISDIR', 'it is a folder'],
  ['EMFILE', 'EMFILE: as the system says it'],
])('%s of a file is told in words where they are known', (code, words) => {
  expect(fileProblem(Object.assign(new Error(`${code}: as the system says it`), { code }))).toBe(words);
});

test('a path is not said twice in one line', () => {
  const problems = [
    { path: '/taskName', code: 'invalidName', message: '/taskName must be letters and digits' },
    { path: '/parameters/0/value', code: 'tooShort', message: 'Name must have at least 1 character' },
  ] as const;
  const { text, record } = explain(new ErrandError('invalidRequest', 'why', { problems }), plain, { hasKey: false });
  expect(text).toBe(
    'errand: why\n  /taskName  must be letters and digits\n  /parameters/0/value  Name must have at least 1 character\n',
  );
  expect(record.problems).toEqual(problems);
});

test('colors take no width, and are there only where somebody sees them', () => {
  expect(
    table([
      [paintState('failed', colored), 'x'],
      ['succeeded', 'y'],
    ]),
  ).toBe('\u001b[31mfailed\u001b[39m     x\nsucceeded  y\n');
  for (const [stream, environment, noColor] of [
    [{}, {}, false],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{ isTTY: true }, {}, true],
  ] as const) {
    expect(styleFor(stream, environment, noColor).red('x')).toBe('x');
  }
  expect(styleFor({ isTTY: true }, { NO_COLOR: '' }, false).red('x')).toContain('\u001b[31m');
});

test('text from elsewhere cannot steer the terminal', () => {
  expect(printable('a\u001b[2Jb\r\u009b1mc\td\n')).toBe('a\u{fffd}[2Jb\u{fffd}\u{fffd}1mc d\n');
});

test('lengths and sizes in words', () => {
  expect([5, 999, 1_000, 9_999, 10_000, 60_000, 3_600_000, 90_000_000].map(duration)).toEqual([
    '5 ms',
    '999 ms',
    '1.0 s',
    '9.9 s',
    '10 s',
    '1 min 0 s',
    '1 h 0 min',
    '1 d 1 h',
  ]);
  expect([parseDuration('30m'), parseDuration('7d'), parseDuration('7'), parseDuration('1 h')]).toEqual([
    1_800_000,
    604_800_000,
    undefined,
    undefined,
  ]);
  expect([999, 1_500, 2_000_000, 3_000_000_000].map(bytesText)).toEqual(['999 B', '1.5 kB', '2.0 MB', '3.0 GB']);
});
