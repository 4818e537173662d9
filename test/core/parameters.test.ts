import { describe, expect, test } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import type { RunRequest } from '../../src/contract/run-request.ts';
import type { TaskDefinitionDocument } from '../../src/contract/task-definition.ts';
import { checkDefinition } from '../../src/core/check-definition.ts';
import { checkParameters } from '../../src/core/parameters.ts';
import { definitionOf } from './support/records.ts';

type Declared = NonNullable<TaskDefinitionDocument['scriptParameters']>[number];
type Value = RunRequest['parameters'][number]['value'];

function checkAll(declared: Declared[], given: RunRequest['parameters']) {
  return checkParameters(definitionOf({ scriptParameters: declared }), given);
}

/** Codes of the problems of one value of one parameter named A. */
function problemsOf(declared: Omit<Declared, 'parameterName'>, value: Value): string[] {
  return checkAll([{ parameterName: 'A', ...declared }], [{ name: 'A', value }]).problems.map(({ code }) => code);
}

describe('what is said of a value', () => {
  const said = (declared: Omit<Declared, 'parameterName'>, value?: Value): string[] =>
    checkAll([{ parameterName: 'A', ...declared }], value === undefined ? [] : [{ name: 'A', value }]).problems.map(
      ({ message }) => message,
    );

  test('names the choices and the bounds, and no example out of them', () => {
    const choice: Omit<Declared, 'parameterName'> = {
      parameterType: 'string',
      enum: ['test', 'live'],
      required: true,
    };
    expect(said(choice)).toEqual(['A is missing: it must be one of test, live']);
    expect(said(choice, 'x')).toEqual(['A must be one of test, live']);
    expect(said(choice, ['x'])).toEqual(['A must be one of test, live']);
    expect(said({ parameterType: 'int', minimum: 1, maximum: 20 }, 'x')).toEqual([
      'A must be a whole number between 1 and 20',
    ]);
    expect(said({ parameterType: 'int' }, 'x')[0]).toMatch(/, such as 42$/);
    expect(said({ parameterType: 'number', minimum: 0, maximum: 1 }, 'x')).toEqual([
      'A must be a number between 0 and 1',
    ]);
    expect(said({ parameterType: 'number', minimum: 5 }, 'x')).toEqual(['A must be a number, at least 5']);
    expect(said({ parameterType: 'number', maximum: 1 }, 'x')).toEqual(['A must be a number, at most 1']);
    expect(said({ parameterType: 'number' }, 'x')).toEqual(['A must be a number, such as 4.2']);
  });
});

describe('values of every type', () => {
  const accepted: [Declared['parameterType'], Value, string][] = [
    ['string', '', ''],
    ['string', 'a\tb\nc', 'a\tb\nc'],
    ['string', '"; touch /tmp/pwn; $(id) `id`', '"; touch /tmp/pwn; $(id) `id`'],
    ['string', 42, '42'],
    ['string', true, 'true'],
    ['string', '\u{1F512}', '\u{1F512}'],
    ['int', '42', '42'],
    ['int', '+42', '+42'],
    ['int', '-0', '-0'],
    ['int', 42, '42'],
    ['int', '9007199254740991', '9007199254740991'],
    ['int', '-9007199254740991', '-9007199254740991'],
    ['integer', '7', '7'],
    ['number', '4.2', '4.2'],
    ['number', '.5', '.5'],
    ['number', '5.', '5.'],
    ['number', '-1e3', '-1e3'],
    ['number', 1e21, '1e+21'],
    ['boolean', 'true', 'true'],
    ['boolean', false, 'false'],
    ['json', '{"a": [1]}', '{"a": [1]}'],
    ['json', { a: [1, null] }, '{"a":[1,null]}'],
    ['json', null, 'null'],
    ['json', 'null', 'null'],
    ['json', 3, '3'],
  ];
  test.each(accepted)('%s takes %j', (parameterType, value, kept) => {
    const checked = checkAll([{ parameterName: 'A', parameterType }], [{ name: 'A', value }]);
    expect(checked.problems).toEqual([]);
    expect(checked.parameters).toEqual([{ name: 'A', value: kept, secret: false }]);
  });

  const refused: [Declared['parameterType'], Value][] = [
    ['string', null],
    ['string', { a: 1 }],
    ['string', ['a']],
    ['secret', ['a']],
    ['int', ''],
    ['int', '4.0'],
    ['int', '1e3'],
    ['int', ' 4'],
    ['int', '4\n'],
    ['int', '0x10'],
    ['int', '٤'],
    ['int', 'true'],
    ['int', 4.5],
    ['int', '9007199254740992'],
    ['int', '-9007199254740992'],
    ['int', '99999999999999999999'],
    ['number', ''],
    ['number', '.'],
    ['number', 'NaN'],
    ['number', 'Infinity'],
    ['number', '1e999'],
    ['number', '1,5'],
    ['boolean', 'TRUE'],
    ['boolean', '1'],
    ['boolean', 0],
    ['json', '{a: 1}'],
    ['json', ''],
  ];
  test.each(refused)('%s refuses %j', (parameterType, value) => {
    expect(problemsOf({ parameterType }, value)).toEqual(['wrongType']);
  });
});

describe('characters', () => {
  const controls = [...Array(32).keys(), 127].map((code) => String.fromCharCode(code));

  test.each(controls.map((character) => [JSON.stringify(character), character]))('%s', (_, character) => {
    const fine = character === '\t' || character === '\n';
    expect(problemsOf({ parameterType: 'string' }, `a${character}b`)).toEqual(fine ? [] : ['invalidCharacter']);
  });

  test('a secret may have any but NUL', () => {
    for (const character of controls)
      expect(problemsOf({ parameterType: 'secret' }, `a${character}b`)).toEqual(
        character === '\0' ? ['invalidCharacter'] : [],
      );
  });

  test('half of a surrogate pair is refused in every type that could hold it', () => {
    for (const parameterType of ['string', 'secret', 'json'] as const)
      for (const half of ['\ud83d', '\udd12', 'a\ud83db'])
        expect(problemsOf({ parameterType }, half)).toEqual(['invalidCharacter']);
  });
});

describe('sizes', () => {
  test.each([
    ['a', limits.valueBytes, 0],
    ['a', limits.valueBytes + 1, 1],
    ['é', limits.valueBytes / 2, 0],
    ['é', limits.valueBytes / 2 + 1, 1],
    ['a', 131_072, 1],
    ['a', limits.valuesBytes, 1],
  ])('%s × %i', (character, count, problems) => {
    expect(problemsOf({ parameterType: 'string' }, character.repeat(count))).toEqual(Array(problems).fill('tooLong'));
    expect(problemsOf({ parameterType: 'secret' }, character.repeat(count))).toHaveLength(problems);
  });

  test('what is let in fits into the environment of a process, with the longest name', () => {
    expect(63 + 1 + limits.valueBytes + 1).toBeLessThanOrEqual(131_072);
  });

  test('all values together', () => {
    const declared = Array.from({ length: 9 }, (_, index): Declared => ({
      parameterName: `A${index}`,
      parameterType: 'string',
    }));
    const given = (count: number, extra: string) => [
      ...declared
        .slice(0, count)
        .map(({ parameterName }) => ({ name: parameterName, value: 'a'.repeat(limits.valueBytes) })),
      { name: 'A8', value: extra },
    ];
    expect(checkAll(declared, given(8, '')).problems).toEqual([]);
    // The message does not begin with what may be the name of a parameter: those that do are of that one.
    const problem = { path: '/parameters', code: 'tooLong', message: expect.stringMatching(/^\d+ bytes/) };
    expect(checkAll(declared, given(8, 'a')).problems).toMatchObject([problem]);
  });
});

describe('bounds', () => {
  test.each([
    [{ parameterType: 'string', minLength: 2, maxLength: 3 }, 'a', ['tooShort']],
    [{ parameterType: 'string', minLength: 2, maxLength: 3 }, 'ab', []],
    [{ parameterType: 'string', minLength: 2, maxLength: 3 }, 'abcd', ['tooLong']],
    [{ parameterType: 'string', maxLength: 1 }, '\u{1F512}', []],
    [{ parameterType: 'int', minimum: -1, maximum: 1 }, '-2', ['tooSmall']],
    [{ parameterType: 'int', minimum: -1, maximum: 1 }, '1', []],
    [{ parameterType: 'number', maximum: 1 }, '1.0001', ['tooLarge']],
    [{ parameterType: 'string', enum: ['a', 'b'] }, 'b', []],
    [{ parameterType: 'string', enum: ['a', 'b'] }, 'B', ['notAllowed']],
    [{ parameterType: 'int', enum: [1, 2] }, '2', []],
    [{ parameterType: 'boolean', enum: [true] }, 'false', ['notAllowed']],
    [{ parameterType: 'string', pattern: '^[a-z]+$' }, 'abc', []],
    [{ parameterType: 'string', pattern: '^[a-z]+$' }, 'ab1', ['patternMismatch']],
    [{ parameterType: 'string', pattern: '^[a-z]+$' }, 'abc\nx1', ['patternMismatch']],
    [{ parameterType: 'string', pattern: 'b' }, 'abc', []],
    [{ parameterType: 'secret', pattern: '^k-' }, 'x', ['patternMismatch']],
    [
      { parameterType: 'string', minLength: 5, pattern: '^a', enum: ['b', 'c'] },
      'x',
      ['notAllowed', 'tooShort', 'patternMismatch'],
    ],
  ] as [Omit<Declared, 'parameterName'>, string, string[]][])('%j of %j: %j', (declared, value, problems) => {
    expect(problemsOf(declared, value)).toEqual(problems);
  });
});

test.each<[Omit<Declared, 'parameterName'>, Value, string]>([
  [{ parameterType: 'string', minLength: 1 }, '', 'A must have at least 1 character'],
  [{ parameterType: 'string', maxLength: 2 }, 'abc', 'A must have at most 2 characters'],
  [{ parameterType: 'int' }, 'many', 'A must be a whole number, such as 42'],
  [{ parameterType: 'int' }, '1e3', 'A must be a whole number, such as 42'],
  [
    { parameterType: 'int' },
    '9007199254740992',
    'A must be a whole number between -9007199254740991 and 9007199254740991',
  ],
])('%j refuses %j in words that help', (declared, value, message) => {
  const { problems } = checkAll([{ parameterName: 'A', ...declared }], [{ name: 'A', value }]);
  expect(problems.map((problem) => problem.message)).toEqual([message]);
});

describe('patterns that hang other engines', () => {
  const long = (text: string) => text.repeat(Math.ceil(5000 / text.length)).slice(0, 5000);
  test.each([
    ['^(a+)+$', `${long('a')}!`],
    ['^(a|a)*$', `${long('a')}!`],
    ['^(a|aa)+$', `${long('a')}!`],
    ['^([a-zA-Z]+)*$', `${long('a')}1`],
    ['^(.*a){12}$', long('a').replace(/a$/, 'b')],
    ['^(\\w+\\s?)*$', `${long('ab ')}!`],
    ['^([0-9]+)+x$', long('7')],
    ['^(x+x+)+y$', long('x')],
    ['^\\s+|\\s+$', `a${long(' ')}a`],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', long('a')],
    ['^(?:(?:a*)*)*b$', long('a')],
  ])('%s', (pattern, value) => {
    const declared: Declared = { parameterName: 'A', parameterType: 'string', pattern };
    expect(
      checkDefinition({ taskName: 'Demo', dockerImage: 'demo', scriptName: 'demo.sh', scriptParameters: [declared] })
        .problems,
    ).toBeUndefined();
    const before = performance.now();
    checkAll([declared], [{ name: 'A', value }]);
    // A backtracking engine needs years for most of these; the bound is for a busy machine.
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe('a request', () => {
  const declared: Declared[] = [
    { parameterName: 'VMName', parameterType: 'string', required: true },
    { parameterName: 'Count', parameterType: 'int', default: 3 },
    { parameterName: 'Token', parameterType: 'secret', required: true },
    { parameterName: 'Key', parameterType: 'secret', required: true, valueFrom: 'env:ERRAND_SECRET_KEY' },
    { parameterName: 'Note', parameterType: 'string' },
  ];

  test('keeps what has a value in the order of the definition, and secrets apart', () => {
    const checked = checkAll(declared, [
      { name: 'Token', value: 'hunter2' },
      { name: 'VMName', value: 'a' },
    ]);
    expect(checked.problems).toEqual([]);
    expect(checked.parameters).toEqual([
      { name: 'VMName', value: 'a', secret: false },
      { name: 'Count', value: '3', secret: false },
      { name: 'Token', secret: true },
      { name: 'Key', secret: true },
    ]);
    expect({ ...checked.secrets }).toEqual({ Token: 'hunter2' });
    expect(Object.getPrototypeOf(checked.secrets)).toBeNull();
  });

  test('is told everything that is wrong at once, and where', () => {
    const { problems } = checkAll(declared, [
      { name: 'vmname', value: 'a' },
      { name: 'Count', value: 'many' },
      { name: 'Count', value: '4' },
      { name: 'Key', value: 'mine' },
      { name: 'Nothing', value: 'a' },
    ]);
    expect(problems.map(({ path, code }) => `${code} ${path}`).toSorted()).toEqual([
      'duplicate /parameters/2/name',
      'notAllowed /parameters/3/value',
      'required /parameters',
      'required /parameters',
      'unknownParameter /parameters/0/name',
      'unknownParameter /parameters/4/name',
      'wrongType /parameters/1/value',
    ]);
    expect(problems.find(({ path }) => path === '/parameters/0/name')?.message).toContain('did you mean VMName?');
    expect(problems.find(({ path }) => path === '/parameters/4/name')?.allowed).toEqual(
      declared.map(({ parameterName }) => parameterName),
    );
  });

  test('is never quoted where the value is secret', () => {
    const secret: Declared = {
      parameterName: 'A',
      parameterType: 'secret',
      minLength: 100,
      maxLength: 3,
      pattern: '^x',
    };
    for (const value of ['hunter2', 'hunter2\0', '\ud83dhunter2', 'hunter2'.repeat(10_000)]) {
      const { problems } = checkAll([secret], [{ name: 'A', value }]);
      expect(problems.length).toBeGreaterThan(0);
      expect(JSON.stringify(problems)).not.toContain('hunter2');
    }
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s names no parameter', (name) => {
    expect(checkAll(declared, [{ name, value: 'a' }]).problems).toMatchObject([
      { code: 'unknownParameter' },
      { code: 'required' },
      { code: 'required' },
    ]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('names are compared exactly, and long ones are cut in messages', () => {
    const { problems } = checkAll([], [{ name: 'x'.repeat(200), value: 'a' }]);
    expect(problems[0]?.message).toBe('Demo takes no parameters');
    const [problem] = checkAll(declared.slice(1, 2), [{ name: 'x'.repeat(200), value: 'a' }]).problems;
    expect(problem?.message.length).toBeLessThan(200);
  });

  test('problems are found below another place too', () => {
    const definition = definitionOf({ scriptParameters: declared.slice(0, 1) });
    expect(checkParameters(definition, [], ['body', 'parameters']).problems).toMatchObject([
      { path: '/body/parameters', code: 'required' },
    ]);
  });
});
