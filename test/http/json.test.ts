import { describe, expect, test } from 'vitest';

import { ErrandError } from '../../src/contract/errors.ts';
import { limits } from '../../src/contract/limits.ts';
import { parseJson } from '../../src/http/json.ts';

function parse(text: string | Uint8Array) {
  return parseJson(typeof text === 'string' ? Buffer.from(text) : text);
}

function codeOf(text: string | Uint8Array): string {
  try {
    parse(text);
    return 'none';
  } catch (error) {
    return error instanceof ErrandError ? error.code : String(error);
  }
}

describe('JSON from outside', () => {
  test('objects have no prototype, at any depth', () => {
    const { value } = parse('{"a":[{"b":{}}]}');
    const outer = value as { a: [{ b: object }] };
    for (const object of [outer, outer.a[0], outer.a[0].b]) expect(Object.getPrototypeOf(object)).toBeNull();
  });

  test('__proto__ is a problem wherever it stands, and no other key is', () => {
    const { value, problems } = parse('{"__proto__":{"x":1},"a":[{"__proto__":1}],"constructor":{"prototype":{}}}');
    expect(problems.map(({ path, code }) => `${path} ${code}`)).toEqual([
      '/__proto__ unknownField',
      '/a/0/__proto__ unknownField',
    ]);
    expect((value as { x?: number }).x).toBeUndefined();
    expect(Object.keys(value as object)).toEqual(['a', 'constructor']);
  });

  test('depth is counted without recursion, and not inside strings', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(codeOf(nested(limits.bodyDepth))).toBe('none');
    expect(codeOf(nested(limits.bodyDepth + 1))).toBe('bodyTooDeep');
    expect(codeOf('['.repeat(1_000_000))).toBe('bodyTooDeep');
    expect(codeOf('{"a":'.repeat(100_000))).toBe('bodyTooDeep');
    expect(codeOf(JSON.stringify(`${'['.repeat(1000)}\\"${'{'.repeat(1000)}`))).toBe('none');
  });

  test('keys are counted, and colons inside strings are not', () => {
    const object = (keys: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, ':'])));
    expect(codeOf(object(limits.bodyKeys))).toBe('none');
    expect(codeOf(object(limits.bodyKeys + 1))).toBe('tooManyKeys');
    expect(codeOf(JSON.stringify(':'.repeat(10_000)))).toBe('none');
  });

  test.each([
    '',
    '{',
    '{"a":1,}',
    'nul',
    '"a',
    "{'a':1}",
    '{"a":01}',
    '[1 2]',
    '{"a":"\n"}',
    '\u{feff}\u{feff}{}',
    'NaN',
  ])('%j is no JSON', (text) => {
    expect(codeOf(text)).toBe('invalidJson');
  });

  test('bytes that are no UTF-8 are refused, and a byte order mark is not', () => {
    expect(codeOf(Buffer.from([0x22, 0xff, 0x22]))).toBe('invalidJson');
    expect(codeOf(Buffer.from([0x22, 0xc3, 0x22]))).toBe('invalidJson');
    expect(codeOf('\u{feff}{}')).toBe('none');
  });

  test('the message says where, and quotes nothing of the body', () => {
    expect(() => parse('{"password":"hunter2" oops}')).toThrow(
      /^the body is not JSON: there is an error at character 23$/,
    );
  });
});
