import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { connectionOf, dockerHarness } from './support/docker-harness.ts';
import { engineProxy } from './support/engine-proxy.ts';

const program = fileURLToPath(new URL('support/check-docker.ts', import.meta.url));

describeWithDocker('whether the engine sees our directories', () => {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'errand-visible-'));
    for (const name of ['data', 'other']) await mkdir(join(root, name));
  });
  afterEach(async () => rm(root, { recursive: true }));

  /** Checks the driver in a mount namespace of its own, after `mounts`, where paths mean something else than they do to the engine. */
  async function checkAfter(
    mounts: string,
    directory: string,
    engineDirectory?: string,
  ): Promise<{ ok?: boolean; code?: string; message?: string }> {
    const options = {
      connection: connectionOf(dockerHost()),
      runnerScript: program,
      directory,
      engineDirectory,
      maximumRunners: 1,
    };
    const line = `mount --make-rprivate / && ${mounts} && exec "$0" "$1" "$2"`;
    const namespace = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m'];
    const command = [...namespace, 'sh', '-c', line, process.execPath, program, JSON.stringify(options)];
    const { stdout } = await promisify(execFile)('unshare', command);
    return JSON.parse(stdout) as { ok?: boolean; code?: string; message?: string };
  }

  test('a directory of the same name on another machine is not taken for ours', async () => {
    const data = join(root, 'data');
    const answer = await checkAfter(`mount -t tmpfs none ${data}`, data);
    expect(answer.code).toBe('invalidConfiguration');
    expect(answer.message).toMatch(/does not see the directory .*ERRAND_EXCHANGE_HOST_PATH.*Blob storage/);
  });

  test('one that the engine does not have at all is told apart from an outage', async () => {
    const ours = join(root, 'ours');
    const answer = await checkAfter(`mount -t tmpfs none ${root} && mkdir ${ours}`, ours);
    expect(answer.code).toBe('invalidConfiguration');
  });

  test('what is read has to be what was written', async () => {
    const proxy = await engineProxy(root, dockerHost().replace('unix://', ''));
    proxy.forge(/^GET .*\/archive$/, 'the word of another');
    const harness = await dockerHarness({ connection: { socketPath: proxy.socketPath } });
    await expect(harness.driver.check()).rejects.toMatchObject({
      code: 'invalidConfiguration',
      message: expect.stringContaining('it reads something else there'),
    });
    await harness.dispose();
    await proxy.close();
  });

  test('it will do where it has another path for the engine', async () => {
    const [ours, theirs] = [join(root, 'other'), join(root, 'data')];
    const mounts = `mount --bind ${theirs} ${ours}`;
    expect(await checkAfter(mounts, ours, theirs)).toEqual({ ok: true });
    expect((await checkAfter(mounts, ours)).code).toBe('invalidConfiguration');
  });

  test('the proof leaves nothing behind', async () => {
    const data = join(root, 'data');
    expect(await checkAfter('true', data)).toEqual({ ok: true });
    expect((await readdir(data)).filter((name) => name.startsWith('.'))).toEqual([]);
    await expect
      .poll(async () => {
        const found = await dockerClient(dockerHost()).listContainers({
          all: true,
          filters: { label: ['errand.canary'] },
        });
        return found.filter(({ Mounts }) => Mounts.some(({ Source }) => Source.startsWith(root))).length;
      })
      .toBe(0);
  });

  test('the runner script, too, is found where the engine sees the directory', async () => {
    const alias = join(root, 'alias');
    const harness = await dockerHarness({ directory: root, engineDirectory: alias });
    try {
      await symlink(root, alias);
      const access = { kind: 'directory', exchange: join(alias, 'data'), executable: join(alias, 'other') } as const;
      const spec = await harness.prepare('', { access });
      await writeFile(join(root, 'data/lines'), 'exit 0\n');
      await harness.driver.create(spec);
      const { Mounts } = await harness.docker.getContainer(spec.name).inspect();
      expect(Mounts.every(({ Source }) => Source.startsWith(`${alias}/`))).toBe(true);
      await expect.poll(async () => harness.starts(spec)).toBe(1);
    } finally {
      await harness.dispose();
    }
  });
});
