import { limits } from '../../../src/contract/limits.ts';
import type { Declared, Given, Question } from './question.ts';
import { mistakes } from './spoilt-definition.ts';

const question = (declared: readonly Declared[], given: readonly Given[]): Question => ({
  declared,
  definition: {},
  given,
  spelling: 'words',
});

const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `P${at}x`);
const strings = (count: number, fields: Declared = {}): Declared[] =>
  many(count).map((parameterName) => ({ parameterName, parameterType: 'string', ...fields }));
const echoed = (count: number): Given[] => many(count).map((name) => ({ name, value: name }));
const longDefault = { default: 'x'.repeat(limits.valueBytes) };
const short = [{ name: 'P0x', value: 'short' }];

/** Parameters of which each is wrong in a way of its own, as text that every door can be told. */
const wrong: readonly [fields: Declared, text: string | undefined][] = [
  [{ parameterType: 'string', required: true }, undefined],
  [{ parameterType: 'string', enum: ['red', 'green'] }, 'Red'],
  [{ parameterType: 'string', pattern: '^[a-z]+$' }, 'A'],
  [{ parameterType: 'string', minLength: 2 }, '😀'],
  [{ parameterType: 'string', maxLength: 2 }, 'e\u0301e'],
  [{ parameterType: 'string' }, 'bell\u0007'],
  [{ parameterType: 'int', minimum: 1 }, '0'],
  [{ parameterType: 'int', maximum: 1 }, '2'],
  [{ parameterType: 'int' }, '1.0'],
];
const allWrong = question(
  wrong.map(([fields], at) => ({ parameterName: `W${at}x`, ...fields })),
  wrong.flatMap(([, text], at) => (text === undefined ? [] : [{ name: `W${at}x`, value: text }])),
);

/** What chance does not come to, or not for sure: each kind of problem, each bound of a body and of all values together, one more than it, and each mistake of an author by itself. */
export const extremes: readonly Question[] = [
  allWrong,
  question(strings(1), [...short, ...short, { name: 'p0x', value: 'a' }]),
  question(strings(1), [...short, { name: 'p0x', value: 'a' }]),
  { ...question(strings(1), short), definition: { enabled: false } },
  { ...question(strings(1), short), definition: { scriptName: 'nowhere.sh' } },
  question(strings(limits.parameters), echoed(limits.parameters)),
  question(strings(1), echoed(limits.parameters + 1)),
  // A name that no request may have, beside a value that is wrong.
  question(
    [{ parameterName: 'Count', parameterType: 'int' }],
    [
      { name: 'n'.repeat(201), value: '1' },
      { name: 'Count', value: 'x' },
    ],
  ),
  // Each is short enough, and most of them are defaults.
  question(strings(9, longDefault), short),
  question(strings(9, longDefault), [...short, { name: 'P1x', value: 'shorter' }]),
  question(
    [{ parameterName: 'Data', parameterType: 'json' }],
    [{ name: 'Data', value: JSON.parse('{"__proto__": 1}') as Given['value'] }],
  ),
  question(
    [{ parameterName: 'Data', parameterType: 'json' }],
    [{ name: 'Data', value: Object.fromEntries(many(limits.bodyKeys + 1).map((name) => [name, 1])) }],
  ),
  question(strings(1), [{ name: 'P0x', value: 'x'.repeat(limits.bodyBytes) }]),
  ...mistakes.map((mistake) => {
    const sound = question([{ parameterName: 'Only', parameterType: 'string' }], [{ name: 'Only', value: 'a' }]);
    return { ...sound, ...mistake(sound, 0) };
  }),
];
