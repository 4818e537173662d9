import { existsSync, globSync, readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { architectureProblems } from './support/architecture.ts';

function sources(): Map<string, string> {
  const paths = globSync(['{src,emulator}/**/*.ts', 'web/**/*.tsx', 'web/*/*.ts']);
  return new Map(paths.toSorted().map((path) => [path, readFileSync(path, 'utf8')]));
}

describe('the repository', () => {
  test('keeps the arrows between its folders and the house rules', () => {
    const files = sources();
    expect(files.size).toBeGreaterThan(10);
    expect(architectureProblems(files)).toEqual([]);
  });

  test('every export of the package names a source file or a document', () => {
    const manifest: { exports: Record<string, string | { default: string }> } = JSON.parse(
      readFileSync('package.json', 'utf8'),
    );
    const targets = Object.values(manifest.exports).map((value) => (typeof value === 'string' ? value : value.default));
    const missing = targets.filter((target) => !existsSync(target.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts')));
    expect(missing).toEqual([]);
  });
});

describe('the checker finds', () => {
  const cases: readonly (readonly [name: string, path: string, text: string, problem: string])[] = [
    [
      'a driver that imports another',
      'src/storage/a.ts',
      "import { b } from '../runners/b.ts';",
      'imports src/runners/b.ts; storage may not',
    ],
    [
      'core that imports a driver',
      'src/core/a.ts',
      "export * from '../storage/a.ts';",
      'imports src/storage/a.ts; core may not',
    ],
    [
      'an import of entry, types included',
      'src/http/a.ts',
      "import type { C } from '../entry/config.ts';",
      'imports src/entry/config.ts; http may not',
    ],
    [
      'a package in the contract',
      'src/contract/a.ts',
      "import { ulid } from 'ulid';",
      'imports ulid; contract may not',
    ],
    [
      'a built-in module in the client',
      'src/client/a.ts',
      "import { readFileSync } from 'node:fs';",
      'imports node:fs; client may not',
    ],
    [
      'an import made later',
      'src/contract/a.ts',
      "export const a = () => import('@azure/identity');",
      'imports @azure/identity; contract may not',
    ],
    [
      'an import of a computed name',
      'src/http/a.ts',
      'export const a = (name: string) => import(name);',
      'uses import of a computed name',
    ],
    [
      'an import within a type',
      'src/client/a.ts',
      "export type A = import('../core/clock.ts').Clock;",
      'imports src/core/clock.ts; client may not',
    ],
    [
      'an emulator that shares our reading',
      'emulator/a.ts',
      "import { a } from '../src/runners/a.ts';",
      'imports src/runners/a.ts, but shares nothing of ours',
    ],
    [
      'a dashboard that imports the core',
      'web/a.ts',
      "import { a } from '../src/core/a.ts';",
      'imports src/core/a.ts; web may not',
    ],
    ['a dashboard with a package more', 'web/parts/a.tsx', "import { a } from 'zod';", 'imports zod; web may not'],
    ['a second clock of the dashboard', 'web/parts/a.tsx', 'export const a = Date.now();', 'uses Date.now'],
    [
      'a folder that the layout does not have',
      'src/utils/a.ts',
      "import 'zod';",
      'lies in src/utils, which is no folder of the layout',
    ],
    ['a default export', 'src/core/a.ts', 'export default 1;', 'uses default export'],
    ['a second source of time', 'src/core/a.ts', 'export const a = Date.now();', 'uses Date.now'],
    ['a date of now', 'src/core/a.ts', 'export const a = new Date();', 'uses new Date()'],
    ['a timer', 'src/http/a.ts', 'setTimeout(() => undefined, 1);', 'uses setTimeout'],
    ['a reader of the environment', 'src/runners/a.ts', "export const a = process.env['HOME'];", 'uses process.env'],
    ['a shell', 'src/runners/a.ts', "import { exec } from 'node:child_process';", 'uses exec of node:child_process'],
    ['a shell by option', 'src/runners/a.ts', 'export const a = { shell: true };', 'uses shell'],
    ['a long file', 'src/core/a.ts', '\n'.repeat(351), '351 lines, more than 350'],
    ['a file that does not parse', 'src/core/a.ts', 'export const = 1;', 'uses syntax that does not parse'],
  ];

  test.each(cases)('%s', (_, path, text, problem) => {
    expect(architectureProblems(new Map([[path, text]]))).toEqual([expect.stringContaining(`${path}: ${problem}`)]);
  });

  test('nothing in files that keep to the rules', () => {
    const files = new Map([
      ['src/core/clock.ts', 'export const now = () => Date.now() + Number(new Date());'],
      ['src/entry/config.ts', "export const home = process.env['HOME'];"],
      [
        'src/storage/a.ts',
        "import { DatabaseSync } from 'node:sqlite';\nimport { z } from '../contract/index.ts';\nimport { c } from '../core/a.ts';\nexport const d = new Date(0);",
      ],
      ['src/entry/a.ts', "import { d } from '../storage/a.ts';"],
      ['emulator/a.ts', "import { b } from './b.ts';"],
      [
        'web/parts/a.tsx',
        "import { render } from 'preact';\nimport { b } from '../state/b.ts';\nimport { c } from '../../src/contract/c.ts';\nexport const d = <p />;",
      ],
      ['web/state/time.ts', 'export const now = () => Date.now();'],
    ]);
    expect(architectureProblems(files)).toEqual([]);
  });
});
