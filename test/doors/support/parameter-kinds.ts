import { limits } from '../../../src/contract/limits.ts';
import type { Declared, Given } from './question.ts';

/** One kind of parameter, with values that it takes and values that it nearly takes. */
export interface Kind {
  fields: Declared;
  right: readonly Given['value'][];
  near: readonly Given['value'][];
}

/** The variable that the secrets of definitions come from. */
export const storedSecret = 'ERRAND_SECRET_DOOR';

const longest = 'x'.repeat(limits.valueBytes);
const json = (text: string): Given['value'] => JSON.parse(text) as Given['value'];
const deep = (levels: number): Given['value'] => json('['.repeat(levels) + ']'.repeat(levels));
/** As deep as a body may hold it, within its list and its parameter. */
const deepest = limits.bodyDepth - 3;

const string = (fields: Declared, right: Kind['right'], near: Kind['near']): Kind => ({
  fields: { parameterType: 'string', ...fields },
  right,
  near,
});
const whole = (fields: Declared, right: Kind['right'], near: Kind['near']): Kind[] =>
  ['int', 'integer'].map((parameterType) => ({ fields: { parameterType, ...fields }, right, near }));

/** What other places take for a number. */
const oddNumbers = ['', ' 5', '5 ', '5\n', '0x5', '0b1', '٥', '５', '1_000', '1,5', '--1', '+', '.', 'e1', 'NaN'];

export const kinds: readonly Kind[] = [
  string(
    {},
    ['a', '', ' ', 'é', '😀', 'two\nlines\tand a tab', '-p', '--json', 'a=b', '\u202e', 42, 1e21, -0, true, longest],
    ['\u0000', 'bell\u0007', 'a\r\n', '\u007f', '\ud83d', null, {}, ['a'], `${longest}x`, 'é'.repeat(16_385)],
  ),
  string({ minLength: 2, maxLength: 4 }, ['ab', '😀😀', '日本語', 'e\u0301', 1234], ['', 'a', '😀', 'abcde', 12_345]),
  string({ minLength: 1 }, ['a', 0], ['']),
  string({ pattern: '^[a-z]+$' }, ['abc'], ['', 'ABC', 'abc\n', ' abc', 'abc1', 5]),
  string({ pattern: '(?i)^yes$' }, ['YES', 'yes'], ['y', 'yes\n', 'yes yes', true]),
  string({ pattern: '^\\pL.$' }, ['éß', 'a😀'], ['é', '1a', 'abc']),
  string({ pattern: '^[0-9]{2}$', maxLength: 1 }, [], ['12', '1', 12]),
  string({ enum: ['red', 'green', ''] }, ['red', 'green', ''], ['Red', ' red', 'blue', 'red\n']),
  string({ enum: ['1', 2, true] }, ['1', 1, 2, '2', true, 'true'], ['1.0', 'True', 3, null]),
  ...whole(
    {},
    [5, '5', '+5', '007', '-0', -0, '9007199254740991', Number.MIN_SAFE_INTEGER],
    [...oddNumbers, '5.0', 5.5, '1e1', '9007199254740992', 2 ** 53, 1e21, true, null, [5]],
  ),
  ...whole({ minimum: -3, maximum: 10 }, [10, '-3', '010'], ['11', -4, '-9007199254740992', 10.5]),
  ...whole({ enum: [1, '2'] }, [1, '1', 2], ['01', '+1', '1.0', 3]),
  {
    fields: { parameterType: 'number' },
    right: [0.5, '.5', '5.', '+1E2', '-0.0', 1e-7, '1e308', 5],
    near: [...oddNumbers, '1e309', '1e1000', 'Infinity', '-Infinity', '1e', false, {}],
  },
  {
    fields: { parameterType: 'number', minimum: 0.5, maximum: 1000 },
    right: [0.5, '1e3', '.5'],
    near: [0.49, '1000.1', '-1e9', 'a'],
  },
  {
    fields: { parameterType: 'boolean' },
    right: [true, 'true', 'false', false],
    near: ['True', 'TRUE', '1', 1, 0, 'yes', ' true', '', null],
  },
  { fields: { parameterType: 'boolean', enum: [true] }, right: [true, 'true'], near: [false, 'false'] },
  {
    fields: { parameterType: 'json' },
    right: [{ a: 1 }, [], null, 'null', '{"a": 1}', '\n[]\t', 1, true, '"x"', 1e21, '1e400', deep(3), deep(deepest)],
    near: [
      '',
      '{a:1}',
      "{'a':1}",
      '[1,]',
      'undefined',
      'NaN',
      '"\u0000"',
      '{}\u0000',
      '\ufeff{}',
      deep(deepest + 1),
      json('{"__proto__": 1}'),
    ],
  },
  { fields: { parameterType: 'json', enum: ['[]', 1] }, right: ['[]', [], 1, '1'], near: ['[ ]', '1.0', {}, [[]]] },
  {
    fields: { parameterType: 'secret' },
    right: ['hunter2', 'control\u0001', 'a\r\n', '', 5, '-p'],
    near: ['\u0000', 'a\ud800', {}, null, `${longest}x`],
  },
  { fields: { parameterType: 'secret', minLength: 8 }, right: ['long enough'], near: ['short', '', 1_234_567] },
  {
    fields: { parameterType: 'secret', pattern: '^tok_[a-z]+$' },
    right: ['tok_abc'],
    near: ['tok_', 'tok_1', 'TOK_abc'],
  },
  { fields: { parameterType: 'secret', valueFrom: `env:${storedSecret}` }, right: [], near: ['mine', '', 5, {}] },
];

/** Names that are right, though some of them mean something to JavaScript. */
export const names = [
  'Name',
  'VMName',
  'name',
  'Count2',
  'a',
  'X'.repeat(63),
  'constructor',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'length',
  'then',
  'arguments',
  'Path',
] as const;

/** Names that no task has. */
export const strayNames = [
  '',
  ' ',
  'NAME',
  'Name ',
  'Na\u0301me',
  '__proto__',
  'PATH',
  'LD_PRELOAD',
  'a=b',
  '--json',
  '-p',
  'x/y~z',
  'nul\u0000',
  'half\ud800',
  '0',
  'prototype',
  'n'.repeat(200),
  'n'.repeat(201),
] as const;
