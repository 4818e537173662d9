import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { cli, records, testServer, type Ended, type TestServer } from './support/cli.ts';

let directory: string;
let file: string;
let server: TestServer;

const errand = (...args: string[]): Promise<Ended> =>
  cli(args, { cwd: directory, env: { ERRAND_API_KEYS_FILE: file } });
const as = (key: string): Promise<Ended> => server.run(['whoami'], { env: { ERRAND_API_KEY: key } });

async function create(name: string, ...more: string[]): Promise<{ key: string; id: string }> {
  const [made] = records((await errand('keys', 'create', '--name', name, '--scopes', 'runs:read', ...more)).stdout);
  return made as { key: string; id: string };
}

let first: { key: string; id: string };
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-keys-'));
  file = join(directory, 'keys.json');
  first = await create('first');
  server = await testServer(['serve'], { ERRAND_API_KEYS_FILE: file, ERRAND_DRIVER: 'process' });
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

describe('a server that is running', () => {
  test('lets in who was given a key, and refuses them at once when it is revoked', async () => {
    const second = await create('second');
    expect(await as(second.key)).toMatchObject({ code: 0 });
    const revoked = await errand('keys', 'revoke', second.id);
    expect(records(revoked.stdout)).toMatchObject([{ type: 'revoked', id: second.id, name: 'second' }]);
    expect(await as(second.key)).toMatchObject({ code: 120 });
    expect(await as(first.key)).toMatchObject({ code: 0 });
  });

  test('goes by the keys of before while the file cannot be read', async () => {
    const good = await readFile(file, 'utf8');
    await writeFile(file, good.slice(0, -20));
    expect(await as(first.key)).toMatchObject({ code: 0 });
    await rm(file);
    expect(await as(first.key)).toMatchObject({ code: 0 });
    await writeFile(file, '{"keys": []}');
    expect(await as(first.key)).toMatchObject({ code: 120 });
    await writeFile(file, good);
    expect(await as(first.key)).toMatchObject({ code: 0 });
  });
});

test('keys are listed without what they could be made from', async () => {
  const { id, key } = await create('third', '--tasks', 'Hello', '--expires', '90d');
  const { stdout } = await errand('keys', 'list');
  expect(records(stdout)).toContainEqual({
    type: 'key',
    id,
    name: 'third',
    scopes: ['runs:read'],
    tasks: ['Hello'],
    expiresAt: expect.any(String),
  });
  expect(stdout).not.toContain(key);
  expect(stdout).not.toContain('sha256');
});

test.each([
  ['0123456789abcdef', '"errand keys list" shows their ids'],
  [`errand_0123456789abcdef_${'0'.repeat(64)}`, 'write its id alone'],
])('revoking %s, which is not there, changes nothing', async (given, said) => {
  const before = await readFile(file, 'utf8');
  const refused = await errand('keys', 'revoke', first.id, given);
  expect(refused).toMatchObject({ code: 120, stdout: '' });
  expect(refused.stderr).toContain(said);
  expect(refused.stderr).not.toContain('0'.repeat(64));
  expect(await readFile(file, 'utf8')).toBe(before);
});
