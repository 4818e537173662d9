import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { dockerRunner } from '../../src/runners/docker.ts';
import type { RunnerDriver, RunnerSpec } from '../../src/core/ports/runner-driver.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { buildOddImage, busyboxImage } from '../support/images.ts';
import { type DockerHarness, dockerHarness } from './support/docker-harness.ts';
import { type EngineProxy, engineProxy } from './support/engine-proxy.ts';

describeWithDocker('starting with Docker', () => {
  let harness: DockerHarness;
  beforeAll(async () => {
    harness = await dockerHarness();
    await harness.driver.check();
  });
  afterAll(async () => harness.dispose());

  async function untilExited(spec: RunnerSpec): Promise<void> {
    await expect.poll(async () => (await harness.driver.observe(spec.name)).state, { timeout: 20_000 }).toBe('exited');
  }

  describe('the engine has two traps', () => {
    test('it runs again what has ended, if told to start it', async () => {
      const spec = await harness.prepare('exit 0');
      await harness.driver.create(spec);
      await untilExited(spec);
      await harness.docker.getContainer(spec.name).start();
      await untilExited(spec);
      expect(await harness.starts(spec)).toBe(2);
    });

    test('it says exit code 0 of what was never started; the driver says that it was never started', async () => {
      const spec = await harness.prepare('exit 7');
      await harness.driver.create(spec);
      const { Config, HostConfig } = await harness.docker.getContainer(spec.name).inspect();
      const never = await harness.docker.createContainer({ ...Config, HostConfig, name: `${spec.name}-never` });
      harness.alsoRemove(never.id);
      expect(await never.wait()).toMatchObject({ StatusCode: 0 });
      expect(await harness.driver.observe(`${spec.name}-never`)).toMatchObject({
        state: 'created',
        since: expect.stringMatching(/Z$/),
      });
      expect(await harness.starts(spec)).toBe(1);
    });

    test('what somebody else created and has not started yet is not started by us', async () => {
      const spec = await harness.prepare('exit 0');
      const labels = { 'errand.run': spec.runId, 'errand.attempt': '1', 'errand.instance': spec.instanceId };
      const theirs = await harness.docker.createContainer({
        name: spec.name,
        Image: harness.image,
        Cmd: ['true'],
        Labels: labels,
      });
      await expect(harness.driver.create(spec)).rejects.toMatchObject({ code: 'platformUnavailable' });
      expect((await theirs.inspect()).State.Status).toBe('created');
    });
  });

  describe('an answer that is lost', () => {
    let directory = '';
    let proxy: EngineProxy;
    let driver: RunnerDriver;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'errand-proxy-'));
      proxy = await engineProxy(directory, dockerHost().replace('unix://', ''));
      driver = dockerRunner({ ...harness.options, connection: { socketPath: proxy.socketPath } });
      await driver.check();
    });
    afterAll(async () => {
      await driver.close();
      await proxy.close();
      await rm(directory, { recursive: true });
    });

    async function createWithLoss(pattern: RegExp): Promise<RunnerSpec> {
      const spec = await harness.prepare('exit 0');
      proxy.seen.length = 0;
      proxy.loseAnswers(pattern);
      await expect(driver.create(spec)).rejects.toMatchObject({ code: 'platformUnavailable' });
      proxy.loseAnswers(undefined);
      return spec;
    }

    const sent = (pattern: RegExp): number => proxy.seen.filter((line) => pattern.test(line)).length;

    test('to a create leaves the matter open, and creates nothing further', async () => {
      const spec = await createWithLoss(/POST .*\/containers\/create/);
      expect(sent(/\/containers\/create/)).toBe(1);
      expect(await driver.observe(spec.name)).toMatchObject({ state: 'created' });
      expect(await harness.starts(spec)).toBe(0);
    });

    test('to a start leaves the matter open, and starts nothing further', async () => {
      const spec = await createWithLoss(/POST .*\/start$/);
      await untilExited(spec);
      expect(sent(/\/start$/)).toBe(1);
      expect(await harness.starts(spec)).toBe(1);
    });

    test('to a removal is found out by looking', async () => {
      const spec = await harness.prepare('exit 0');
      await driver.create(spec);
      proxy.loseAnswers(/^DELETE/);
      await expect(driver.remove(spec.name)).rejects.toMatchObject({ code: 'platformUnavailable' });
      proxy.loseAnswers(undefined);
      await driver.remove(spec.name);
      expect(await driver.observe(spec.name)).toEqual({ state: 'absent' });
    });

    test('events come again after the stream broke, those in between too', async () => {
      const controller = new AbortController();
      const seen = new Set<string>();
      const watching = (async () => {
        for await (const { runId } of driver.watch({ instanceId: harness.instanceId, signal: controller.signal }))
          seen.add(runId);
      })();
      await expect.poll(() => sent(/\/events$/)).toBeGreaterThan(0);
      proxy.loseAnswers(/\/events$/);
      proxy.breakConnections();
      const between = await harness.prepare('exit 0');
      await harness.driver.create(between);
      await untilExited(between);
      proxy.loseAnswers(undefined);
      const later = await harness.prepare('exit 0');
      await expect.poll(() => seen.has(between.runId), { timeout: 20_000 }).toBe(true);
      await harness.driver.create(later);
      await expect.poll(() => seen.has(later.runId), { timeout: 20_000 }).toBe(true);
      controller.abort();
      await watching;
    });
  });

  describe('images', () => {
    const made: string[] = [];
    afterAll(async () => {
      for (const tag of made) await harness.docker.getImage(tag).remove({ force: true });
    });

    async function imageOf(name: string, lines: readonly string[]): Promise<string> {
      const tag = await buildOddImage(harness.docker, `errand-test-${name}:local`, lines);
      made.push(tag);
      return tag;
    }

    test('one without a shell is refused for good, with the reason, and leaves no container', async () => {
      const image = await imageOf('no-shell', ['FROM scratch', 'COPY passwd /etc/passwd']);
      const spec = await harness.prepare('exit 0', { image });
      await expect(harness.driver.create(spec)).rejects.toMatchObject({
        name: 'StartRefused',
        reason: 'startError',
        permanent: true,
        message: expect.stringContaining('has no /bin/sh'),
      });
      expect(await harness.driver.observe(spec.name)).toEqual({ state: 'absent' });
    });

    test('a user that the image does not know is refused for good', async () => {
      const spec = await harness.prepare('exit 0', {
        container: { readOnlyRoot: false, network: 'none', capabilities: [], user: 'nosuchuser' },
      });
      await expect(harness.driver.create(spec)).rejects.toMatchObject({
        reason: 'startError',
        permanent: true,
        message: expect.stringContaining('does not know the user nosuchuser'),
      });
      expect(await harness.driver.observe(spec.name)).toEqual({ state: 'absent' });
    });

    test('their own entry point, stop signal, health check and volumes do not get in the way', async () => {
      const image = await imageOf('headstrong', [
        `FROM ${busyboxImage}`,
        'ENTRYPOINT ["/bin/false"]',
        'STOPSIGNAL SIGINT',
        'HEALTHCHECK --interval=1s CMD touch /errand/checked',
        'VOLUME /data',
      ]);
      const spec = await harness.prepare('trap \'echo term >"$1/got"; exit 5\' TERM; while :; do sleep 0.1; done', {
        image,
      });
      await harness.driver.create(spec);
      await expect.poll(async () => harness.starts(spec)).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const { Mounts } = await harness.docker.getContainer(spec.name).inspect();
      const volume = Mounts.find(({ Type }) => Type === 'volume')?.Name ?? 'none';
      await harness.driver.stop(spec.name, { graceSeconds: 10 });
      expect(await harness.driver.observe(spec.name)).toMatchObject({ state: 'exited', exitCode: 5 });
      expect(await harness.left(spec, 'got')).toBe('term\n');
      await expect(harness.left(spec, 'checked')).rejects.toThrow('ENOENT');
      expect((await harness.docker.getVolume(volume).inspect()) as object).toMatchObject({ Name: volume });
      await harness.driver.remove(spec.name);
      await expect(harness.docker.getVolume(volume).inspect()).rejects.toMatchObject({ statusCode: 404 });
    });
  });

  test('a directory that the engine does not have is not made up', async () => {
    const spec = await harness.prepare('exit 0', {
      access: { kind: 'directory', exchange: join(harness.root, 'missing'), executable: harness.root },
    });
    await expect(harness.driver.create(spec)).rejects.toMatchObject({
      name: 'StartRefused',
      message: expect.stringContaining('does not exist'),
    });
  });

  test('signed URLs travel in the environment, with no directory mounted', async () => {
    const access = {
      kind: 'signedUrls',
      plain: { Name: 'World' },
      secure: { ERRAND_FENCE_URL: 'http://127.0.0.1/fence?sig=a%3D=b' },
    } as const;
    const spec = await harness.prepare('exit 0', { access });
    await harness.driver.create(spec);
    const { Config, Mounts } = await harness.docker.getContainer(spec.name).inspect();
    expect(Config.Env).toContain('Name=World');
    expect(Config.Env).toContain('ERRAND_FENCE_URL=http://127.0.0.1/fence?sig=a%3D=b');
    expect(Config.Cmd ?? []).toEqual([]);
    expect(Mounts.map(({ Destination }) => Destination)).toEqual(['/usr/local/bin/script-runner.sh']);
  });
});
