import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { describe, expect, test } from 'vitest';

import { commandTable } from '../../src/entry/commands/table.ts';
import { commandHelp } from '../../src/entry/terminal/help.ts';
import { exitCodeHelp } from '../../src/entry/terminal/exit-codes.ts';
import { styleFor } from '../../src/entry/terminal/style.ts';
import { cli, records } from './support/cli.ts';

const errand = (...args: string[]) => cli(args, { cwd: tmpdir() });
const plain = styleFor({}, {}, true);

test('--help lists every command and ends with a worked example', async () => {
  const { code, stdout } = await errand('--help');
  expect(code).toBe(0);
  for (const { name, about } of commandTable) expect(stdout).toMatch(new RegExp(`^  ${name} +${about}$`, 'm'));
  expect(stdout.trimEnd().split('\n').at(-3)).toContain('errand push hello');
});

describe('every command', () => {
  test.each(commandTable)('$name is loaded under its name and has an example in its help', async ({ name, load }) => {
    const command = await load();
    expect(command.name).toBe(name);
    const text = commandHelp(command, plain);
    expect(text).toContain(`errand ${name}`);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const { line } of command.examples) expect(text).toContain(line);
    for (const option of Object.keys(command.options)) expect(text).toContain(`--${option}`);
  });

  test.each(commandTable)('$name is described in docs/cli.md, with its options', async ({ load }) => {
    const { name, options } = await load();
    const page = readFileSync('docs/cli.md', 'utf8');
    const section = page.split(/^## /m).find((text) => text.startsWith(`\`errand ${name}`));
    expect(section, `a section "## \`errand ${name} …\`"`).toBeDefined();
    for (const option of Object.keys(options)) expect(section).toContain(`--${option}`);
  });
});

test('docs/cli.md and the help of run name the same exit codes', async () => {
  const page = readFileSync('docs/cli.md', 'utf8').replaceAll(/ +/g, ' ');
  const { stdout } = await errand('run', '--help');
  for (const [code, meaning] of exitCodeHelp) {
    expect(page).toContain(`| ${code} | ${meaning} |`);
    expect(stdout).toContain(meaning);
  }
});

test('the version is that of the package', async () => {
  const manifest: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect((await errand('--version')).stdout).toBe(`${manifest.version}\n`);
});

test.each([
  [['rnu'], 'There is no command rnu; did you mean run?'],
  [['frobnicate'], 'There is no command frobnicate: "errand --help" lists them all.'],
  [['keys'], 'needs one more word: errand keys create'],
  [['run'], 'needs <Task>: write errand run <Task>. For example: errand run Hello'],
  [['run', 'A', 'B'], 'cannot use "B"'],
  [['runs', '--stat', 'failed'], 'There is no option --stat: did you mean --state?'],
  [['runs', '--state', 'broken'], 'There is no state broken'],
  [['runs', '--state'], '--state needs a value'],
  [['logs', '--follow=yes', 'last'], '--follow takes no value'],
  [['tasks', '--url', 'localhost:7070'], '"localhost:7070" is not the URL of a server'],
  [['init'], 'needs <folder>'],
  [['keys', 'create', '--name', 'x', '--scopes', 'runs:raed'], 'did you mean runs:read?'],
  [['dev', '--driver', 'podman'], 'There is no driver podman'],
])('%j is refused with 120 and says how to mend it', async (args, message) => {
  const ended = await errand(...args);
  expect(ended).toMatchObject({ code: 120, stdout: '' });
  expect(ended.stderr).toContain(message);
});

test('with --json a refusal is a record too', async () => {
  const { code, stdout } = await errand('rnu', '--json');
  expect(code).toBe(120);
  expect(records(stdout)).toEqual([
    { type: 'error', code: 'usage', message: 'There is no command rnu; did you mean run?', exitCode: 120 },
  ]);
});
