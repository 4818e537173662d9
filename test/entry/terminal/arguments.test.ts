import { describe, expect, test } from 'vitest';

import { readArguments, splitPair } from '../../../src/entry/terminal/arguments.ts';

const options = {
  parameter: { type: 'string', short: 'p', multiple: true, value: 'Name=value', about: '' },
  note: { type: 'string', about: '' },
  follow: { type: 'boolean', short: 'f', about: '' },
} as const;

const read = (...args: string[]) => readArguments(args, options, 'errand run');

test('reads options in any order, repeated where they may be', () => {
  expect(read('-p', 'A=1', 'Task', '--parameter=B=2', '-f', '--note', 'x')).toEqual({
    values: { parameter: ['A=1', 'B=2'], note: 'x', follow: true },
    positionals: ['Task'],
  });
  expect(read()).toEqual({ values: { parameter: [], note: undefined, follow: false }, positionals: [] });
});

test('takes what follows -- as it is, and values that begin with a hyphen', () => {
  expect(read('--', '-f').positionals).toEqual(['-f']);
  expect(read('--note', '-5 degrees').values.note).toBe('-5 degrees');
  expect(read('--note=--follow').values.note).toBe('--follow');
});

describe('refuses', () => {
  test.each([
    [['--folow'], 'There is no option --folow: did you mean --follow?'],
    [['-x'], 'There is no option -x: "errand run --help" lists the options.'],
    [['--constructor'], 'There is no option --constructor'],
    [['--note'], '--note needs a value: write --note value.'],
    [['-p', '--follow'], '-p needs a value, but --follow follows: write -p Name=value.'],
    [['--follow=no'], '--follow takes no value'],
    [['--note', 'a', '--note', 'b'], '--note is given twice'],
  ])('%j', (args, message) => {
    expect(() => read(...args)).toThrow(message);
  });
});

test('a pair is split at its first equals sign', () => {
  expect(splitPair('A=b=c', '-p', 'Name=value')).toEqual(['A', 'b=c']);
  expect(splitPair('A=', '-p', 'Name=value')).toEqual(['A', '']);
  expect(() => splitPair('=b', '-p', 'Name=value')).toThrow('-p =b has no name: write -p Name=value.');
});
