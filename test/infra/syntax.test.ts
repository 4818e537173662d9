import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseBicep, syntaxErrors } from './support/bicep-syntax.ts';
import { bicepPaths, mainPath } from './support/infra.ts';

describe('every Bicep file parses', () => {
  test('and there are some', () => {
    expect(bicepPaths()).toContain(mainPath);
    expect(bicepPaths().length).toBeGreaterThan(5);
  });

  test.each(bicepPaths())('%s', async (path) => {
    expect(syntaxErrors(await parseBicep(readFileSync(path, 'utf8')))).toEqual([]);
  });
});

describe('a file that is broken is noticed', () => {
  const text = readFileSync(mainPath, 'utf8');

  test.each([
    ['a brace is gone', text.replace('params: {', 'params:')],
    ['a quote is gone', text.replace("'rg-", 'rg-')],
    ['an equals sign is gone', text.replace('param location string\n', 'param location string\nvar region location\n')],
    ['the end is gone', text.slice(0, text.indexOf('module storage ') + 80)],
    ['a bracket is gone', text.replace("split(id, '/')[2]", "split(id, '/'")],
  ])('%s', async (_case, broken) => {
    expect(broken).not.toBe(text);
    expect(syntaxErrors(await parseBicep(broken))).not.toEqual([]);
  });
});
