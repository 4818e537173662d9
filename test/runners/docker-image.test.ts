import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { dockerEngine } from '../../src/runners/docker-engine.ts';
import { ensureImage } from '../../src/runners/docker-image.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { ensureBusyboxImage, exportImage } from '../support/images.ts';
import { connectionOf, dockerHarness } from './support/docker-harness.ts';
import { loopbackRegistry, type LoopbackRegistry, type RegistryOptions } from './support/loopback-registry.ts';
import { freePort } from '../support/listen.ts';

describeWithDocker('pulling an image', () => {
  let directory = '';
  let base: Buffer = Buffer.alloc(0);
  const open: LoopbackRegistry[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-pull-'));
    const docker = dockerClient(dockerHost());
    base = await exportImage(docker, await ensureBusyboxImage(docker));
  });

  afterAll(async () => {
    const docker = dockerClient(dockerHost());
    for (const each of open) {
      const found = await docker.listImages({ filters: { reference: [`${each.host}/tool`] } });
      for (const { Id } of found) await docker.getImage(Id).remove({ force: true });
      await each.close();
    }
    await rm(directory, { recursive: true, force: true });
  });

  async function registry(options: Partial<RegistryOptions> = {}): Promise<LoopbackRegistry> {
    // Unlike any layer that this engine has seen, so that there is something to pull.
    const more = await mkdtemp(join(directory, 'layer-'));
    await mkdir(join(more, 'opt'));
    await writeFile(join(more, 'opt/stamp'), `${process.pid} ${more}`);
    const started = await loopbackRegistry({ layers: [base, tarOf(more)], ...options });
    open.push(started);
    return started;
  }

  async function pull(
    image: string,
    changes: { configDirectory?: string; clock?: Clock } = {},
  ): Promise<{ digest: string; phases: string[] }> {
    const clock = changes.clock ?? systemClock;
    const engine = dockerEngine(connectionOf(dockerHost()), systemClock);
    const phases: string[] = [];
    try {
      const { imageDigest: digest } = await ensureImage(engine, image, {
        clock,
        logger: silentLogger,
        configDirectory: changes.configDirectory,
        progress: (phase) => void phases.push(phase),
      });
      return { digest, phases };
    } finally {
      engine.close();
    }
  }

  async function loginFor(host: string, login: string): Promise<string> {
    const path = await mkdtemp(join(directory, 'config-'));
    const auths = { [host]: { auth: Buffer.from(login).toString('base64') } };
    await writeFile(join(path, 'config.json'), JSON.stringify({ auths }));
    return path;
  }

  test('reports its layers, gives the digest, and is done once', async () => {
    const { host } = await registry();
    const first = await pull(`${host}/tool:1`);
    expect(first.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(first.phases[0]).toBe(`pulling ${host}/tool:1`);
    expect(first.phases.at(-1)).toBe(`pulling ${host}/tool:1: 2 of 2 layers`);
    expect(await pull(`${host}/tool:1`)).toEqual({ digest: first.digest, phases: [] });
  });

  test('runs what it pulled', async () => {
    const { host } = await registry();
    const harness = await dockerHarness();
    try {
      const spec = await harness.prepare('cat /opt/stamp >"$1/stamp"', { image: `${host}/tool:1` });
      const phases: string[] = [];
      const created = await harness.driver.create(spec, { progress: (phase) => void phases.push(phase) });
      expect(created.imageDigest).toMatch(/^sha256:/);
      expect(phases).toContain('starting the container');
      await expect
        .poll(async () => (await harness.driver.observe(spec.name)).state, { timeout: 20_000 })
        .toBe('exited');
      expect(await harness.left(spec, 'stamp')).toContain(String(process.pid));
    } finally {
      await harness.dispose();
    }
  });

  test("logs in with what Docker's configuration has", async () => {
    const { host, authorizations } = await registry({ login: 'ann:p:w/d+' });
    const configDirectory = await loginFor(host, 'ann:p:w/d+');
    await pull(`${host}/tool:1`, { configDirectory });
    expect(authorizations).toContain(`Basic ${Buffer.from('ann:p:w/d+').toString('base64')}`);
  });

  test.each([
    ['without a login', undefined],
    ['with a wrong login', 'ann:wrong'],
  ])('a private image %s says how to log in, for good', async (_name, login) => {
    const { host } = await registry({ login: 'ann:right' });
    const changes = login === undefined ? {} : { configDirectory: await loginFor(host, login) };
    await expect(pull(`${host}/tool:1`, changes)).rejects.toMatchObject({
      name: 'StartRefused',
      reason: 'imageUnavailable',
      permanent: true,
      message: expect.stringContaining(`docker login ${host}`),
    });
  });

  test('an image that is not there says so, for good', async () => {
    const { host } = await registry();
    await expect(pull(`${host}/tool:2`)).rejects.toMatchObject({
      reason: 'imageUnavailable',
      permanent: true,
      message: expect.stringMatching(/is not there: check the name and tag.*docker build -t/),
    });
  });

  test('a registry that forbids says how to log in, for good', async () => {
    const { host } = await registry({ answer: { status: 403, code: 'DENIED' } });
    await expect(pull(`${host}/tool:1`)).rejects.toMatchObject({
      permanent: true,
      message: expect.stringContaining('docker login'),
    });
  });

  test('a registry that is down may be up later', async () => {
    const port = await freePort();
    await expect(pull(`127.0.0.1:${port}/tool:1`)).rejects.toMatchObject({
      reason: 'imageUnavailable',
      permanent: false,
      message: expect.stringContaining(`check that this machine reaches 127.0.0.1:${port}`),
    });
  });

  test('a registry that falls silent is given up', async () => {
    const { host } = await registry({ silent: true });
    const impatient: Clock = {
      ...systemClock,
      monotonic: () => systemClock.monotonic() * 1000,
      after: (ms, callback) => systemClock.after(ms / 100, callback),
    };
    await expect(pull(`${host}/tool:1`, { clock: impatient })).rejects.toMatchObject({
      permanent: false,
      message: expect.stringContaining('no progress for 120 s'),
    });
  });

  test('stops when the caller gives up', async () => {
    const { host } = await registry({ silent: true });
    const engine = dockerEngine(connectionOf(dockerHost()), systemClock);
    const signal = AbortSignal.timeout(500);
    const pulling = ensureImage(engine, `${host}/tool:1`, {
      clock: systemClock,
      logger: silentLogger,
      configDirectory: undefined,
      progress: () => {},
      signal,
    });
    await expect(pulling).rejects.toMatchObject({ name: 'TimeoutError' });
    engine.close();
  });
});

function tarOf(directory: string): Buffer {
  return execFileSync('tar', ['-c', '-C', directory, '.'], { maxBuffer: 64 * 1024 * 1024 });
}
