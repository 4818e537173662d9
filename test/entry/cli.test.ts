import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { describe, expect, test } from 'vitest';

import { commandTable } from '../../src/entry/commands/table.ts';
import { commandHelp } from '../../src/entry/terminal/help.ts';
import { exitCodeHelp } from '../../src/entry/terminal/exit-codes.ts';
import { styleFor } from '../../src/entry/terminal/style.ts';
import { cli, cliFile, records } from './support/cli.ts';

const errand = (...args: string[]) => cli(args, { cwd: tmpdir() });
const plain = styleFor({}, {}, true);

test('--help lists every command and ends with a worked example', async () => {
  const { code, stdout } = await errand('--help');
  expect(code).toBe(0);
  for (const { name, about } of commandTable) expect(stdout).toMatch(new RegExp(`^  ${name} +${about}$`, 'm'));
  expect(stdout.trimEnd().split('\n').at(-3)).toContain('errand push hello');
});

test.each([
  ['schedule', '--help'],
  ['schedule', '-h'],
  ['help', 'schedule'],
])('errand %s %s lists the commands of that word', async (...args) => {
  const { code, stdout, stderr } = await errand(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const { name, about } of commandTable)
    if (name.startsWith('schedule ')) expect(stdout).toMatch(new RegExp(`^  ${name} +${about}$`, 'm'));
  expect(stdout).not.toContain('keys create');
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
  [['schedule', 'lst'], 'There is no command schedule lst; did you mean errand schedule list?'],
  [['schedule', 'foo'], 'There is no command schedule foo: there are errand schedule add, errand schedule list, '],
  [['keys', 'create', '--name', 'me', '--scopes', 'foo'], 'There is no scope foo. The scopes are tasks:read, '],
  [
    ['schedule', 'add', 'n', 'T', '--cron', '@daily', '--overlap', 'no'],
    '--overlap no is not known. It is one of skip, ',
  ],
  [['run'], 'needs <Task>: write errand run <Task>. For example: errand run Hello'],
  [['run', 'A', 'B'], 'cannot use "B"'],
  [['runs', '--stat', 'failed'], 'There is no option --stat: did you mean --state?'],
  [['runs', '--state', 'broken'], 'There is no state broken'],
  [['runs', '--state'], '--state needs a value'],
  [['logs', '--follow=yes', 'last'], '--follow takes no value'],
  [['tasks', '--url', 'localhost:7070'], '"localhost:7070" is not the URL of a server'],
  [['init'], 'needs <folder>'],
  [['keys', 'create', '--name', 'x', '--scopes', 'runs:raed'], 'did you mean runs:read?'],
  [['run', 'Hello', '--label', 'a'], '--label a has no equals sign'],
  [['run', 'Hello', '--timeout', '0'], '--timeout 0 is no number of seconds'],
  [['rerun', 'last', '--label', 'a'], '--label a has no equals sign'],
  [['dev', '--port', 'abc'], '--port abc is no port: write --port 7071'],
  [['dev', '--port', '99999'], '--port 99999 is no port'],
  [['push', '/nowhere/at/all.json'], 'There is no file or folder /nowhere/at/all.json'],
  [['dev', '--driver', 'podman'], 'There is no driver podman'],
])('%j is refused with 120 and says how to mend it', async (args, message) => {
  const ended = await errand(...args);
  expect(ended).toMatchObject({ code: 120, stdout: '' });
  expect(ended.stderr).toContain(message);
});

test('a disk that is full where output should go is a failure, and said in a line', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [cliFile, '--help'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: 'errand: standard output cannot be written: no space is left on the disk.\n',
    });
  } finally {
    closeSync(full);
  }
});

test('with --json a refusal is a record too', async () => {
  const { code, stdout } = await errand('rnu', '--json');
  expect(code).toBe(120);
  expect(records(stdout)).toEqual([
    { type: 'error', code: 'usage', message: 'There is no command rnu; did you mean run?', exitCode: 120 },
  ]);
});
