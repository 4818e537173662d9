import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { records, seen, taskFolder, testServer, type TestServer } from './support/cli.ts';

/** Definitions that lie in folders, as they do in a repository. */
describe('definitions in folders', () => {
  let server: TestServer;
  let folder: string;
  let count = 0;

  beforeAll(async () => {
    server = await testServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    // The server has no tasks, whatever the test before has left.
    for (const { taskName } of records((await server.run(['tasks'])).stdout))
      await fetch(`${server.url}/api/tasks/${String(taskName)}`, { method: 'DELETE' });
    folder = join(server.directory, `tasks-${(count += 1)}`);
    await mkdir(folder);
  });

  const apply = async (...words: string[]) => {
    const { code, stdout, stderr } = await server.run(['apply', folder, ...words]);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    return records(stdout).map(({ type, taskName, change, ...rest }) =>
      type === 'task' ? `${String(change)} ${String(taskName)}` : { type, ...rest },
    );
  };
  const tasksThere = async () => records((await server.run(['tasks'])).stdout).map(({ taskName }) => taskName);

  test('what is new or changed is pushed, what is the same is left alone, what is gone is removed where that is asked for', async () => {
    await taskFolder(join(folder, 'deep', 'er'), 'One', '#!/bin/sh\necho 1\n');
    await taskFolder(folder, 'Two', '#!/bin/sh\necho 2\n');
    expect(await apply('--dry-run')).toEqual([
      'created Two',
      'created One',
      { type: 'planned', created: 2, changed: 0, removed: 0, unchanged: 0 },
    ]);
    expect(await tasksThere()).toEqual([]);
    await apply();
    expect(await apply()).toContainEqual({ type: 'applied', created: 0, changed: 0, removed: 0, unchanged: 2 });

    await writeFile(join(folder, 'two', 'two.sh'), '#!/bin/sh\necho two\n');
    await rm(join(folder, 'deep'), { recursive: true });
    expect(await apply()).toEqual([
      'changed Two',
      'kept One',
      { type: 'applied', created: 0, changed: 1, removed: 0, unchanged: 0 },
    ]);
    expect(await tasksThere()).toEqual(['One', 'Two']);
    expect(await apply('--prune', '--dry-run')).toContain('removed One');
    expect(await tasksThere()).toEqual(['One', 'Two']);
    await apply('--prune');
    expect(await tasksThere()).toEqual(['Two']);
  });

  test('on a terminal, the lines that differ are shown', async () => {
    const timeouts = { runSeconds: 60 };
    const task = await taskFolder(folder, 'Shown', '#!/bin/sh\n', { timeouts });
    await apply();
    const file = join(task, 'Shown.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('60', '120'));
    await writeFile(join(task, 'shown.sh'), '#!/bin/sh\ntrue\n');
    const shown = seen((await server.terminal(['apply', folder, '--dry-run']).ended).stdout);
    expect(shown).toMatch(/~ Shown {2}.*Shown\.json\n/);
    expect(shown).toMatch(/^ {4}- {4}"runSeconds": 60$/m);
    expect(shown).toMatch(/^ {4}\+ {4}"runSeconds": 120$/m);
    expect(shown).toMatch(/^ {4}shown\.sh: [0-9a-f]{12} → [0-9a-f]{12}$/m);
    expect(shown).toContain('0 new, 1 changed, 0 removed, 0 unchanged; nothing was sent');
  });

  test('nothing is sent while one of them is wrong, and an empty folder removes nothing', async () => {
    await taskFolder(folder, 'Fine', '#!/bin/sh\n');
    const refused = async () => {
      const { code, stderr } = await server.run(['apply', folder, '--prune']);
      expect(code).toBe(120);
      expect(await tasksThere()).toEqual([]);
      return stderr;
    };
    const wrong = await taskFolder(join(folder, 'b'), 'Wrong', '#!/bin/sh\n', { dockerImage: 'NOT OK' });
    expect(await refused()).toContain('dockerImage');
    await rm(wrong, { recursive: true });
    const twice = await taskFolder(join(folder, 'b'), 'Fine', '#!/bin/sh\n');
    expect(await refused()).toMatch(/Fine is defined in .*Fine\.json and in .*Fine\.json: leave one of them out/);
    await rm(twice, { recursive: true });
    await taskFolder(join(folder, 'b'), 'Other', '#!/bin/sh\necho other\n', { scriptName: 'fine.sh' });
    await rename(join(folder, 'b', 'other', 'other.sh'), join(folder, 'b', 'other', 'fine.sh'));
    expect(await refused()).toContain('name an executable fine.sh each, and the two differ');
    await rm(folder, { recursive: true });
    expect(await refused()).toContain(`There is no file or folder ${folder}`);
    await writeFile(folder, '');
    expect(await refused()).toContain(`${folder} is a file`);
    await rm(folder);
    await mkdir(folder);
    expect(await refused()).toContain('has no task definition');
  });

  test('what is exported and applied again is the same; nothing that differs is written over unasked', async () => {
    await taskFolder(folder, 'Kept', '#!/bin/sh\necho kept\n', { description: 'as it is' });
    await apply();
    const out = join(server.directory, `out-${count}`);
    expect((await server.run(['export', out])).code).toBe(0);
    expect(await readFile(join(out, 'Kept', 'kept.sh'), 'utf8')).toBe('#!/bin/sh\necho kept\n');
    expect(await readFile(join(out, 'Kept', 'Kept.json'), 'utf8')).not.toContain('sha256');
    const again = records((await server.run(['apply', out])).stdout);
    expect(again.at(-1)).toEqual({ type: 'applied', created: 0, changed: 0, removed: 0, unchanged: 1 });
    expect((await server.run(['export', out])).code).toBe(0);
    await writeFile(join(out, 'Kept', 'kept.sh'), 'mine');
    const refused = await server.run(['export', out]);
    expect([refused.code, refused.stderr]).toEqual([120, expect.stringMatching(/kept\.sh is there and differs/)]);
    expect(await readFile(join(out, 'Kept', 'kept.sh'), 'utf8')).toBe('mine');
    expect((await server.run(['export', out, 'Kept', '--force'])).code).toBe(0);
    expect(await readFile(join(out, 'Kept', 'kept.sh'), 'utf8')).toBe('#!/bin/sh\necho kept\n');
    const unknown = await server.run(['export', out, 'Kapt']);
    expect([unknown.code, unknown.stderr]).toEqual([120, expect.stringContaining('did you mean Kept?')]);
  });

  test('the workflow of the example applies the tasks beside it', async () => {
    const example = join(import.meta.dirname, '../../examples/definitions-in-git');
    const workflow = await readFile(join(example, '.github/workflows/errand.yml'), 'utf8');
    const commands = [...workflow.matchAll(/^ +run: errand (.*)$/gm)].map(([, words = '']) => words.split(' '));
    expect(commands).toEqual([
      ['apply', 'tasks', '--prune', '--dry-run'],
      ['apply', 'tasks', '--prune'],
    ]);
    for (const words of commands) expect((await server.run(words, { cwd: example })).code).toBe(0);
    const { stdout } = await server.run(['run', 'Greet', '-p', 'Name=World', '--follow']);
    expect(stdout).toContain('Hello, World.');
  });

  test('a version is listed, read, exported, pushed again and run again', async () => {
    const task = await taskFolder(folder, 'Back', '#!/bin/sh\necho first\n', { description: 'first' });
    await apply();
    const run = await server.run(['run', 'Back', '--wait']);
    expect(run.code).toBe(0);
    const [first = {}] = records((await server.run(['versions', 'Back'])).stdout);
    expect(first).toMatchObject({ current: true, executable: { name: 'back.sh' } });
    await writeFile(join(task, 'back.sh'), '#!/bin/sh\necho second\n');
    await apply();
    const listed = records((await server.run(['versions', 'Back'])).stdout);
    expect(listed.map(({ version, current }) => [version === first['version'], current])).toEqual([
      [false, true],
      [true, false],
    ]);
    const version = String(first['version']);
    const [read] = records((await server.run(['versions', 'Back', version])).stdout);
    expect(read).toMatchObject({ version, document: { description: 'first' } });

    const log = async (...words: string[]) => (await server.run(['rerun', 'last', '--follow', ...words])).stdout;
    expect(await log('--same-version')).toBe('first\n');
    expect(await log()).toBe('second\n');

    const out = join(server.directory, `out-${count}`);
    expect((await server.run(['export', out, `Back@${version}`])).code).toBe(0);
    expect((await server.run(['push', join(out, 'Back')])).code).toBe(0);
    expect(records((await server.run(['versions', 'Back'])).stdout)[0]).toMatchObject({ version, current: true });
  });
});
