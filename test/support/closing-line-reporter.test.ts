import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;

beforeAll(() => {
  // Inside the repository, so that the made-up tests find vitest.
  folder = mkdtempSync(join(import.meta.dirname, 'closing-line-'));
  const reporter = JSON.stringify(join(import.meta.dirname, 'closing-line-reporter.ts'));
  writeFileSync(
    join(folder, 'vitest.config.ts'),
    `import { closingLineReporter } from ${reporter};
     export default { test: { root: import.meta.dirname, include: ['*.spec.ts'], reporters: ['default', closingLineReporter()] } };`,
  );
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(name: string, text: string): { status: number | null; lines: string[] } {
  writeFileSync(join(folder, `${name}.spec.ts`), `import { test, describe, beforeAll } from 'vitest';\n${text}`);
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    join(folder, 'vitest.config.ts'),
    `${name}.spec.ts`,
  ];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, lines: stdout.trimEnd().split('\n') };
}

test('the last lines are what was left out and why, what failed and what it said, and the counts', () => {
  const { status, lines } = run(
    'mixed',
    `test('a', () => {}); test('b', () => { throw new Error('b is broken'); });
     describe('group', () => { test('c', (context) => context.skip('there is no sea here')); });`,
  );
  expect(lines.slice(-3)).toEqual([
    'left out: group > c: there is no sea here',
    'failed: mixed.spec.ts > b: b is broken',
    '1 passed, 1 failed, 1 skipped',
  ]);
  expect(status).toBe(1);
});

test('a test that passes at its second try passes, and it is said what it failed of first', () => {
  const { status, lines } = run(
    'second',
    `let tries = 0;
     test('a', { retry: 1 }, () => { tries += 1; if (tries === 1) throw new Error('too slow'); });`,
  );
  expect(lines.slice(-2)).toEqual(['second try: second.spec.ts > a: too slow', '1 passed, 0 failed, 0 skipped']);
  expect(status).toBe(0);
});

test('a passing run ends with 0', () => {
  const { status, lines } = run('passing', `test('a', () => {});`);
  expect(lines.at(-1)).toBe('1 passed, 0 failed, 0 skipped');
  expect(status).toBe(0);
});

test.each([
  ['a file that does not load', `import './not-there.ts';`, /a-file-that-does-not-load\.spec\.ts: .*not-there/],
  [
    'a hook that fails',
    `describe('d', () => { beforeAll(() => { throw new Error('hook'); }); test('a', () => {}); });`,
    /> d: hook$/,
  ],
  [
    'a stray rejection',
    `test('a', () => { void Promise.reject(new Error('stray')); });`,
    /outside of any test: stray$/,
  ],
])('%s counts as failed, and says why', (name, text, why) => {
  const { status, lines } = run(name.replaceAll(' ', '-'), text);
  expect(lines.filter((line) => line.startsWith('failed: '))).toContainEqual(expect.stringMatching(why));
  expect(lines.at(-1)).toMatch(/^\d passed, [1-9] failed, \d skipped$/);
  expect(status).toBe(1);
});
