import { stat } from 'node:fs/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Observation, RunnerSpec } from '../../src/core/ports/runner-driver.ts';
import { describeWithDocker } from '../support/engine.ts';
import { type DockerHarness, dockerHarness } from './support/docker-harness.ts';

describeWithDocker('inside a container', () => {
  let harness: DockerHarness;
  const plain: RunnerSpec['container'] = { readOnlyRoot: false, network: 'default', capabilities: [] };

  beforeAll(async () => {
    harness = await dockerHarness();
  });
  afterAll(async () => harness.dispose());

  /** What the lines print into `$out`, once the container has ended. */
  async function run(
    lines: string,
    changes: Partial<RunnerSpec> = {},
  ): Promise<{ out: string; end: Observation; spec: RunnerSpec }> {
    const spec = await harness.prepare(`out="$1/out"; ${lines}`, changes);
    await harness.driver.create(spec);
    let end: Observation = { state: 'absent' };
    await expect
      .poll(
        async () => {
          end = await harness.driver.observe(spec.name);
          return end.state;
        },
        { timeout: 30_000 },
      )
      .toBe('exited');
    return { out: await harness.left(spec, 'out').catch(() => ''), end, spec };
  }

  test('there are no capabilities, no new privileges, and a system call filter', async () => {
    const { out } = await run('cat /proc/self/status >"$out"');
    expect(out).toMatch(/^CapEff:\s0{16}$/m);
    expect(out).toMatch(/^CapBnd:\s0{16}$/m);
    expect(out).toMatch(/^NoNewPrivs:\s1$/m);
    expect(out).toMatch(/^Seccomp:\s2$/m);
  });

  test('only the capabilities that the definition asks for are given back', async () => {
    const { out } = await run('grep CapEff /proc/self/status >"$out"', {
      container: { ...plain, capabilities: ['CHOWN'] },
    });
    expect(out.trim()).toBe('CapEff:\t0000000000000001');
  });

  test('the image decides on the user, unless the definition does', async () => {
    const [own, given] = await Promise.all([
      run('id -u >"$out"'),
      run('id -u >"$out"; id -g >>"$out"', { container: { ...plain, user: '65534:65534' } }),
    ]);
    expect(own.out.trim()).toBe('0');
    expect(given.out.trim().split('\n')).toEqual(['65534', '65534']);
  });

  test('memory, processes, open files, core dumps and file sizes are limited', async () => {
    const { out, spec } = await run('(ulimit -c; ulimit -n; ulimit -f; ulimit -Hn) >"$out"');
    expect(out.trim().split('\n')).toEqual(['0', '1024', String((8 * 1024 ** 3) / 512), '4096']);
    const { HostConfig } = await harness.docker.getContainer(spec.name).inspect();
    expect(HostConfig).toMatchObject({
      Memory: 64 * 1024 ** 2,
      MemorySwap: 64 * 1024 ** 2,
      NanoCpus: 1e9,
      PidsLimit: 512,
    });
  });

  test('too much memory ends the task, and the observation says why', async () => {
    const { end } = await run('dd if=/dev/zero of=/dev/null bs=200M count=1; exit $?');
    expect(end).toMatchObject({ state: 'exited', oomKilled: true });
  });

  test('a fork bomb runs into the limit on processes, and ends', async () => {
    const { out } = await run('n=0; while [ $n -lt 700 ]; do sleep 20 & n=$((n + 1)); done 2>"$out"; exit 0', {
      resources: { cpu: 1, memoryInGB: 0.5 },
    });
    expect(out).toMatch(/fork/);
  });

  test('more CPUs than the engine has are cut down to what it has', async () => {
    const { spec } = await run('exit 0', { resources: { cpu: 31, memoryInGB: 0.0625 } });
    const { HostConfig } = await harness.docker.getContainer(spec.name).inspect();
    const { NCPU } = (await harness.docker.info()) as { NCPU: number };
    expect(HostConfig.NanoCpus).toBe(NCPU * 1e9);
  });

  test('the root is read-only where asked, with a /tmp for everybody', async () => {
    const container = { ...plain, readOnlyRoot: true, user: '65534:65534' };
    const { out } = await run('(touch /x || echo no root; echo ok >/tmp/x && cat /tmp/x) >"$out" 2>&1', { container });
    expect(out).toMatch(/Read-only file system[^]*no root[^]*ok/);
  });

  test('the executable and the runner cannot be changed, the exchange can', async () => {
    const lines =
      '(touch /errand-executable/x; echo >/usr/local/bin/script-runner.sh; touch /errand/x && echo exchange) >"$out" 2>&1';
    const { out } = await run(lines);
    expect(out.match(/[Rr]ead-only file system/g)).toHaveLength(2);
    expect(out).toContain('exchange');
  });

  test('there is nothing in the environment but what image and engine give', async () => {
    const { out } = await run('env >"$out"');
    const names = out
      .trim()
      .split('\n')
      .map((line) => line.split('=', 1)[0]);
    expect(
      names.filter((name) => !['PATH', 'HOME', 'HOSTNAME', 'PWD', 'SHLVL', 'OLDPWD', 'TERM'].includes(name ?? '')),
    ).toEqual([]);
  });

  test('without a network there is only the loopback interface', async () => {
    const { out } = await run('ip -o link >"$out"', { container: { ...plain, network: 'none' } });
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(out).toContain(' lo: ');
  });

  test('one task cannot reach another', async () => {
    const server = await harness.prepare('while :; do echo reached | nc -l -p 8080; done');
    await harness.driver.create(server);
    const { NetworkSettings } = await harness.docker.getContainer(server.name).inspect();
    const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '';
    expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    const knock = (to: string) => `nc -w 2 ${to} 8080 </dev/null >"$out" 2>&1`;
    const [neighbour, itself] = await Promise.all([
      run(knock(address)),
      run(`(echo reached | nc -l -p 8080) & sleep 0.3; ${knock('127.0.0.1')}`),
    ]);
    expect(itself.out).toContain('reached');
    expect(neighbour.out).not.toContain('reached');
  });

  test('whatever is printed, the copy that the engine keeps stays small, and its end can be read', async () => {
    const { end, spec } = await run('yes 0123456789012345678901234567890123456789 | head -c 30000000; echo the end');
    expect(end).toMatchObject({ state: 'exited', exitCode: 0, tail: expect.stringMatching(/the end$/) });
    expect(end.state === 'exited' && end.tail.length).toBeLessThanOrEqual(4096);
    const { LogPath } = await harness.docker.getContainer(spec.name).inspect();
    const sizes = await Promise.all(
      [LogPath, `${LogPath}.1`, `${LogPath}.2`].map(
        async (path) => (await stat(path).catch(() => undefined))?.size ?? 0,
      ),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2.5e6);
  });
});
