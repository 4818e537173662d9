import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { records, taskFolder, testServer, type TestServer } from './support/cli.ts';

let server: TestServer;

beforeAll(async () => {
  server = await testServer();
});

afterAll(() => server.stop());

async function closedPort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

test('a first task: init, push, run', async () => {
  const made = await server.run(['init', 'hello']);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(records(made.stdout)).toEqual([
    { type: 'init', folder: 'hello', taskName: 'Hello', files: ['Hello.json', 'hello.sh', 'README.md'] },
  ]);
  expect((await server.run(['push', 'hello'])).code).toBe(0);
  const run = await server.run(['run', 'Hello', '-p', 'Name=World', '--follow']);
  expect(run).toMatchObject({ code: 0, stdout: 'Hello, World!\n' });
  expect(run.stderr).toMatch(/Hello \w{26} succeeded/);
  expect(run.stderr).toContain('{"greeted":true}');
});

describe('a mistake is answered with how to mend it:', () => {
  test('no such task', async () => {
    await server.run(['push', await taskFolder(server.directory, 'Report', '#!/bin/sh\n')]);
    const near = await server.run(['run', 'Reprot']);
    expect(near).toMatchObject({ code: 120, stdout: '' });
    expect(near.stderr).toContain('there is no task "Reprot"');
    expect(near.stderr).toContain('did you mean Report?');
    const far = await server.run(['run', 'Something']);
    expect(far.stderr).toMatch(/there are .*Report/);
  });

  test('a parameter is missing', async () => {
    const scriptParameters = [
      { parameterName: 'City', parameterType: 'string', required: true, description: 'Where' },
      { parameterName: 'Days', parameterType: 'int', required: true },
    ];
    await server.run(['push', await taskFolder(server.directory, 'Weather', '#!/bin/sh\n', { scriptParameters })]);
    const all = await server.run(['run', 'Weather', '-p', 'Cty=Rome']);
    expect(all).toMatchObject({ code: 120, stdout: '' });
    expect(all.stderr).toContain('City is missing');
    expect(all.stderr).toContain('add -p City=…   (Where)');
    expect(all.stderr).toContain('add -p Days=…');
    expect(all.stderr).toContain('Cty is no parameter of this task; did you mean City?');
  });

  test('no server', async () => {
    const env = { ERRAND_URL: `http://127.0.0.1:${await closedPort()}` };
    const answer = await server.run(['run', 'Hello'], { env });
    expect(answer).toMatchObject({ code: 125, stdout: '' });
    expect(answer.stderr).toContain(`no Errand server answers at ${env.ERRAND_URL}`);
    expect(answer.stderr).toContain('start one with "errand dev"');
  });

  test('a wrong key', async () => {
    const keys = join(server.directory, 'keys.json');
    await server.run(['keys', 'create', '--name', 'ci', '--scopes', 'runs:read', '--file', keys]);
    const guarded = await testServer(['serve'], { ERRAND_API_KEYS_FILE: keys, ERRAND_DRIVER: 'process' });
    try {
      const none = await guarded.run(['tasks']);
      expect(none).toMatchObject({ code: 120, stdout: '' });
      expect(none.stderr).toContain('set ERRAND_API_KEY to your key');
      const wrong = await guarded.run(['tasks'], { env: { ERRAND_API_KEY: 'errand_0123456789abcdef_wrong' } });
      expect(wrong).toMatchObject({ code: 120, stdout: '' });
      expect(wrong.stderr).toContain('the key in ERRAND_API_KEY is not one of this server');
    } finally {
      await guarded.stop();
    }
  });

  test('a script without a run bit runs, and push says why', async () => {
    const folder = await taskFolder(server.directory, 'NoBit', '#!/bin/sh\necho ran\n');
    await rm(join(folder, 'nobit.sh'));
    await writeFile(join(folder, 'nobit.sh'), '#!/bin/sh\necho ran\n', { mode: 0o644 });
    const pushed = await server.run(['push', folder]);
    expect(pushed.code).toBe(0);
    expect(pushed.stderr).toContain(
      'nobit.sh has no run bit. The runner sets it, so the task runs; to run it here: chmod +x',
    );
    expect(await server.run(['run', 'NoBit', '-f'])).toMatchObject({ code: 0, stdout: 'ran\n' });
  });

  test('a bad interpreter', async () => {
    const windows = await taskFolder(server.directory, 'Windows', '#!/bin/sh\r\necho hi\r\n');
    const pushed = await server.run(['push', windows]);
    expect(pushed.code).toBe(0);
    expect(pushed.stderr).toContain('carriage return (Windows line ends)');
    expect(pushed.stderr).toContain("sed -i 's/\\r$//'");
    const run = await server.run(['run', 'Windows', '--follow']);
    expect(run.code).toBe(124);
    expect(run.stderr).toContain('Save the file with Unix line ends');

    await server.run(['push', await taskFolder(server.directory, 'Nowhere', '#!/opt/no/such/shell\n')]);
    const missing = await server.run(['run', 'Nowhere', '--wait']);
    expect(missing.code).toBe(124);
    expect(missing.stderr).toContain('asks for /opt/no/such/shell, which this image does not have');
    expect(records(missing.stdout).at(-1)).toMatchObject({ type: 'end', state: 'failed', reason: 'badInterpreter' });
    expect((await server.run(['show', 'last'])).stdout).toContain('asks for /opt/no/such/shell');
  });

  test('an image that is not there', async ({ skip }) => {
    const unavailable = inject('dockerUnavailable');
    if (unavailable !== undefined) skip(`needs Docker: ${unavailable}`);
    const docker = await testServer(['dev', '--driver', 'docker', '--no-examples']);
    try {
      // Port 1 of this machine: no registry, and no network beyond loopback.
      const dockerImage = '127.0.0.1:1/nowhere:1';
      await docker.run(['push', await taskFolder(docker.directory, 'Imageless', '#!/bin/sh\n', { dockerImage })]);
      const run = await docker.run(['run', 'Imageless', '--follow']);
      expect(run.code).toBe(124);
      expect(run.stderr).toContain(dockerImage);
      const [shown] = records((await docker.run(['show', 'last'])).stdout);
      expect(shown).toMatchObject({ state: 'failed', reason: 'imageUnavailable' });
    } finally {
      await docker.stop();
    }
  });
});
