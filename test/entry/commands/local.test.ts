import { globSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { apiKeys, apiKeysFileSchema } from '../../../src/http/api-keys.ts';
import { cli, records, startCli, testServer } from '../support/cli.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-local-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const errand = (...args: string[]) => cli(args, { cwd: directory });

test('init makes a folder that can be run, and overwrites nothing', async () => {
  expect((await errand('init', 'jobs/stop-vm', '--image', 'alpine:3')).code).toBe(0);
  const folder = join(directory, 'jobs/stop-vm');
  expect((await readdir(folder)).toSorted()).toEqual(['README.md', 'StopVm.json', 'stop-vm.sh']);
  expect((await stat(join(folder, 'stop-vm.sh'))).mode & 0o111).toBe(0o111);
  expect(JSON.parse(await readFile(join(folder, 'StopVm.json'), 'utf8'))).toMatchObject({ dockerImage: 'alpine:3' });

  await writeFile(join(folder, 'stop-vm.sh'), 'mine');
  const again = await errand('init', 'jobs/stop-vm');
  expect(again).toMatchObject({ code: 120, stdout: '' });
  expect(again.stderr).toContain('nothing is overwritten');
  expect(await readFile(join(folder, 'stop-vm.sh'), 'utf8')).toBe('mine');
  expect((await errand('init', '...')).stderr).toContain('errand init ... --task Name');

  const nameless = await errand('init', 'report', '--image', 'Alpine 3');
  expect(nameless).toMatchObject({ code: 120, stdout: '' });
  expect(nameless.stderr).toContain('"Alpine 3" is no name of an image: write --image alpine:3');
  expect(await readdir(directory)).toEqual(['jobs']);

  // What is shown is copied into a shell.
  expect((await errand('init', "it's mine")).code).toBe(0);
  const page = await readFile(join(directory, "it's mine/README.md"), 'utf8');
  expect(page).toContain(String.raw`errand push 'it'\''s mine'`);
  expect(page).toContain('for another server, name an image that');
  expect(await readFile(join(folder, 'README.md'), 'utf8')).not.toContain('another server');
});

test('a key is shown once, and only its hash is kept, for this user alone', async () => {
  const args = ['keys', 'create', '--file', 'keys.json', '--scopes'];
  const first = await errand(...args, 'runs:create,runs:read', '--name', 'ci', '--tasks', 'Hello', '--expires', '2h');
  expect(first.code).toBe(0);
  expect((await errand(...args, 'all', '--name', 'ops')).code).toBe(0);
  const [made] = records(first.stdout);
  const key = String(made?.['key']);
  const text = await readFile(join(directory, 'keys.json'), 'utf8');
  expect(text).not.toContain(key);
  expect((await stat(join(directory, 'keys.json'))).mode & 0o777).toBe(0o600);
  const { keys } = apiKeysFileSchema.parse(JSON.parse(text));
  expect(keys.map(({ name }) => name)).toEqual(['ci', 'ops']);
  const now = Date.now();
  expect(apiKeys(keys).find(key, now)).toEqual({ name: 'ci', scopes: ['runs:create', 'runs:read'], tasks: ['Hello'] });
  expect(apiKeys(keys).find(key, now + 3 * 3_600_000)).toBeUndefined();

  await writeFile(join(directory, 'keys.json'), 'not a file of keys');
  const refused = await errand(...args, 'all', '--name', 'ops');
  expect(refused.stderr).toContain('is no file of keys');
  expect(await readFile(join(directory, 'keys.json'), 'utf8')).toBe('not a file of keys');
});

test('a task of your own that is named like an example outlives a restart of dev', async () => {
  const start = async () => {
    const server = startCli(['dev', '--driver', 'process', '--port', '0'], { cwd: directory });
    await server.says('"type":"ready"');
    const { url } = records(server.output().stdout)[0] as { url: string };
    return { ...server, run: (...args: string[]) => cli(args, { cwd: directory, env: { ERRAND_URL: url } }) };
  };
  const stop = async ({ child, ended }: Awaited<ReturnType<typeof start>>) => {
    child.kill('SIGTERM');
    await ended;
  };

  const first = await start();
  expect((await first.run('init', 'hello')).code).toBe(0);
  expect((await first.run('push', 'hello')).code).toBe(0);
  await stop(first);

  const second = await start();
  const run = await second.run('run', 'Hello', '-p', 'Name=World', '--wait');
  const tasks = await second.run('tasks');
  await stop(second);
  // Only the task of "errand init" leaves a result.
  expect(records(run.stdout).at(-1)).toMatchObject({ state: 'succeeded', output: { greeted: true } });
  expect(records(tasks.stdout)).toHaveLength(globSync('examples/**/*.json').length);
  expect(second.output().stderr).toContain('The task Hello is left as it is: it is not the example of that name.');
  expect(second.output().stderr.match(/is left as it is/g)).toHaveLength(1);
});

test('dev pushes the examples; backup copies its records while it runs', async () => {
  const server = await testServer(['dev', '--driver', 'process']);
  try {
    const tasks = records((await server.run(['tasks'])).stdout).map(({ taskName }) => taskName);
    const examples = globSync('examples/**/*.json');
    expect(tasks).toEqual(expect.arrayContaining(['Hello', 'WordCount', 'StopVM']));
    expect(tasks).toHaveLength(examples.length);
    const inspected = await server.run(['run', 'InspectMachine', '--wait']);
    expect(inspected.code).toBe(0);
    const [accepted] = records(inspected.stdout);

    const fetched = await server.run(['outputs', 'last', 'machine.csv', '-o', '.']);
    expect(fetched.code).toBe(0);
    const saved = await readFile(join(server.directory, 'machine.csv'), 'utf8');
    expect((await server.run(['outputs', 'last', 'machine.csv'])).stdout).toBe(saved);
    expect(records((await server.run(['outputs', 'last'])).stdout)).toMatchObject([{ name: 'machine.csv' }]);
    const nothing = await server.run(['outputs', 'last', 'nothing.csv']);
    expect(nothing).toMatchObject({ code: 120, stdout: '' });
    expect((await server.run(['logs', 'last'])).stdout).toContain('memory');

    const target = join(server.directory, 'copy.db');
    const copied = await server.run(['backup', target, '--data-dir', join(server.directory, 'data')]);
    expect(copied.code).toBe(0);
    const again = await server.run(['backup', target, '--data-dir', join(server.directory, 'data')]);
    expect(again.stderr).toContain('a backup never overwrites');
    const database = new DatabaseSync(target, { readOnly: true });
    try {
      const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%id%'").all();
      const texts = tables.map(({ name }) => JSON.stringify(database.prepare(`SELECT * FROM "${String(name)}"`).all()));
      expect(texts.join('')).toContain(String(accepted?.['id']));
    } finally {
      database.close();
    }
  } finally {
    await server.stop();
  }
});
