import type Docker from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { dockerEngine, startEmulator } from '../../emulator/server.ts';
import type { Emulator } from '../../emulator/server.ts';
import { dockerClient } from '../../scripts/docker-client.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { clientOf, create, ended, group, identityId, refusal, resourceGroup, until } from './support/harness.ts';
import type { Rig } from './support/harness.ts';

const image = 'errand-minimal:local';

describeWithDocker('groups as real containers', () => {
  let emulator: Emulator;
  let bench: Rig;
  let docker: Docker;

  /** Runs a script as the only container of a group, and resolves when it has ended. */
  async function runScript(
    name: string,
    script: string,
    changes: Parameters<typeof group>[0] = {},
    more: Parameters<typeof group>[1] = {},
  ): ReturnType<typeof create> {
    await create(bench, name, group(changes, { image, command: ['sh', '-c', script], ...more }));
    return await until(bench, name, ended);
  }

  async function logOf(name: string, container = 'task'): Promise<string> {
    return (await bench.client.containers.listLogs(resourceGroup, name, container)).content ?? '';
  }

  beforeAll(async () => {
    docker = dockerClient(dockerHost());
    emulator = await startEmulator({
      engine: dockerEngine({ host: dockerHost() }),
      switches: { pendingMs: 0, pullMs: 0, restartDelayMs: 0, identityDelayMs: 300 },
    });
    bench = { emulator, client: clientOf(emulator) };
  });
  afterAll(() => emulator.close());

  test('environment with secure values, command, exit code and log', async () => {
    const environmentVariables = [
      { name: 'PLAIN', value: 'open' },
      { name: 'SECRET', secureValue: 'hidden' },
    ];
    const done = await runScript('env', 'echo $PLAIN-$SECRET; exit 7', {}, { environmentVariables });
    expect(done.containers[0]?.instanceView?.currentState).toMatchObject({ exitCode: 7, detailStatus: 'Error' });
    expect(done.instanceView?.state).toBe('Failed');
    expect(await logOf('env')).toBe('open-hidden\n');
  });

  test('secret volumes hold their files, decoded; emptyDir is shared between containers, and so is the network', async () => {
    const volumes = [
      { name: 'script', secret: { 'run.sh': Buffer.from('echo from the volume').toString('base64') } },
      { name: 'shared', emptyDir: {} },
    ];
    const resources = { requests: { cpu: 0.5, memoryInGB: 0.5 } };
    const volumeMounts = [
      { name: 'script', mountPath: '/script', readOnly: true },
      { name: 'shared', mountPath: '/shared' },
    ];
    const wait = 'n=0; while [ ! -e /shared/done ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done; cat /shared/done';
    const write =
      '. /script/run.sh > /shared/.new; mv /shared/.new /shared/done; touch /script/x 2>/dev/null && echo writable >> /shared/done; true';
    const net = 'readlink /proc/self/ns/net';
    await create(
      bench,
      'volumes',
      group({
        volumes,
        containers: [
          { name: 'reader', image, command: ['sh', '-c', `${wait}; ${net}`], resources, volumeMounts },
          { name: 'writer', image, command: ['sh', '-c', `${write}; ${net}`], resources, volumeMounts },
        ],
      }),
    );
    const done = await until(bench, 'volumes', ended);
    expect(done.instanceView?.state).toBe('Succeeded');
    const [first, namespace] = (await logOf('volumes', 'reader')).trim().split('\n');
    expect(first).toBe('from the volume');
    expect((await logOf('volumes', 'writer')).trim()).toBe(namespace);
  });

  test('a group gets a token from inside only, after the first seconds, with the header; one without identity meets a closed port', async () => {
    const path = '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault';
    const ask = (header: string): string =>
      `printf 'GET ${path} HTTP/1.0\\r\\n${header}\\r\\n' | nc -w 2 169.254.169.254 80 2>&1`;
    const get = ask('Metadata: true\\r\\n');
    const script = `${get}; n=0; until ${get} | grep access_token || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1; done; for i in 1 2 3 4 5 6 7 8; do ${ask('')}; echo; done; sleep 2`;
    const identity = { type: 'UserAssigned' as const, userAssignedIdentities: { [identityId]: {} } };
    await create(bench, 'token', group({ identity }, { image, command: ['sh', '-c', script] }));
    const other = await runScript('no-token', `${get}; true`);
    expect(other.instanceView?.state).toBe('Succeeded');
    expect(await logOf('no-token')).toMatch(/refused/);

    await until(bench, 'token', ended);
    const lines = (await logOf('token')).split('\n');
    expect(lines[0]).toMatch(/refused/);
    const token = lines.find((line) => line.includes('access_token')) ?? '';
    expect(JSON.parse(token)).toMatchObject({ token_type: 'Bearer', resource: 'https://vault' });
    expect(lines.filter((line) => line.includes('Required metadata header'))).toHaveLength(8);
  });

  const labelled = (name: string): { label: string[] } => ({ label: [`errand.aci-emulator.group=${name}`] });

  /** How many containers and volumes the engine has of a group. */
  async function left(name: string): Promise<number[]> {
    const containers = await docker.listContainers({ all: true, filters: labelled(name) });
    const { Volumes } = await docker.listVolumes({ filters: labelled(name) });
    return [containers.length, (Volumes ?? []).length];
  }

  test('CPU and memory are limited, and a delete removes everything', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const volumeMounts = [{ name: 'v', mountPath: 'relative/path' }];
    const resources = { requests: { cpu: 1, memoryInGB: 1.5 } };
    await create(bench, 'limits', group({ volumes }, { image, command: ['sleep', '60'], resources, volumeMounts }));
    const all = await docker.listContainers({ filters: labelled('limits') });
    const found = all.find(({ Image }) => Image === image);
    const { HostConfig, Mounts, Config } = await docker.getContainer(found?.Id ?? '').inspect();
    const memory = 1.5 * 1024 ** 3;
    expect([HostConfig.NanoCpus, HostConfig.Memory, HostConfig.MemorySwap]).toEqual([1e9, memory, memory]);
    expect(Mounts[0]?.Destination).toBe('/relative/path');
    expect(Config.Entrypoint).toEqual(['sleep', '60']);
    expect(await left('limits')).toEqual([2, 1]);
    const removed = await bench.client.containerGroups.beginDeleteAndWait(resourceGroup, 'limits');
    expect(removed.instanceView?.state).toBe('Running');
    expect(await left('limits')).toEqual([0, 0]);
  });

  test('a group that has ended keeps its log and nothing else', async () => {
    await runScript('over', 'echo kept');
    await expect.poll(() => left('over')).toEqual([0, 0]);
    expect(await logOf('over')).toBe('kept\n');
  });

  test('a restart after a nonzero exit runs in a fresh container with the same volumes', async () => {
    emulator.switches.set({ restartAfterNonzero: 'next:1' });
    const script =
      '[ -e /once ] && exit 8; : > /once; n=$(cat /shared/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > /shared/n; echo start $n; [ $n -ge 2 ] || exit 9';
    const volumeMounts = [{ name: 's', mountPath: '/shared' }];
    const done = await runScript('again', script, { volumes: [{ name: 's', emptyDir: {} }] }, { volumeMounts });
    expect(done.containers[0]?.instanceView).toMatchObject({
      restartCount: 1,
      previousState: { exitCode: 9 },
      currentState: { exitCode: 0 },
    });
    expect(await logOf('again')).toBe('start 2\n');
  });

  test('a PUT over a running group ends its container, and starts another; a stop gives it time to end', async () => {
    const trap = 'trap "exit 0" TERM; while true; do sleep 0.1; done';
    await create(bench, 'changed', group({}, { image, command: ['sh', '-c', trap] }));
    const before = await docker.listContainers({ filters: labelled('changed') });
    await create(bench, 'changed', group({}, { image, command: ['sh', '-c', `${trap};`] }));
    const after = await docker.listContainers({ filters: labelled('changed') });
    expect(after).toHaveLength(2);
    expect(after.filter(({ Id }) => before.some((old) => old.Id === Id))).toEqual([]);
    await bench.client.containerGroups.stop(resourceGroup, 'changed');
    const stopped = await bench.client.containerGroups.get(resourceGroup, 'changed');
    expect(stopped.containers[0]?.instanceView?.currentState).toMatchObject({ state: 'Terminated', exitCode: 0 });
    expect(await left('changed')).toEqual([0, 0]);
  });

  test('a program that cannot be started is an exit, an image that is not there a refusal', async () => {
    await create(bench, 'unstartable', group({}, { image, command: ['/not/there'] }));
    const done = await until(bench, 'unstartable', ended);
    expect(done.containers[0]?.instanceView?.currentState?.exitCode).toBe(128);
    expect(await logOf('unstartable')).toContain('/not/there');
    const missing = create(bench, 'missing', group({}, { image: 'errand-no-such-image:1' }));
    expect(await refusal(missing)).toMatchObject({ status: 400, code: 'InaccessibleImage' });
    const images = [];
    for await (const cached of bench.client.location.listCachedImages('westus')) images.push(cached.image);
    expect(images).toContain(image);
  });

  test('where the namespace cannot be entered, a group with an identity says so and runs', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    try {
      const identity = { type: 'SystemAssigned' as const };
      const done = await runScript('unentered', 'true', { identity });
      const message = expect.stringContaining('nsenter');
      expect(done.instanceView).toMatchObject({
        state: 'Succeeded',
        events: [{ name: 'Emulator', type: 'Warning', message }],
      });
      expect(done.identity?.principalId).toMatch(/^[0-9a-f-]{36}$/);
    } finally {
      process.env['PATH'] = path;
    }
  });

  test('closing removes what still runs, and leaves the containers of another emulator', async () => {
    const second = await startEmulator({
      engine: dockerEngine({ host: dockerHost() }),
      switches: { pendingMs: 0, pullMs: 0 },
    });
    const sleeping = group({}, { image, command: ['sleep', '60'] });
    await create({ emulator: second, client: clientOf(second) }, 'other', sleeping);
    await create(bench, 'mine', sleeping);
    expect(await left('other')).toEqual([2, 0]);
    await second.close();
    expect(await left('other')).toEqual([0, 0]);
    expect(await left('mine')).toEqual([2, 0]);
    await bench.client.containerGroups.beginDeleteAndWait(resourceGroup, 'mine');
  });
});
