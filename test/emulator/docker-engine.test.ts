import Docker from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { dockerEngine, startEmulator } from '../../emulator/server.ts';
import type { Emulator } from '../../emulator/server.ts';
import { dockerClient } from '../../scripts/docker-client.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { clientOf, create, ended, group, identityId, raw, refusal, resourceGroup, until } from './support/harness.ts';
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
    const script = `${get}; n=0; until ${get} | grep access_token || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1; done; ${ask('')}; sleep 2`;
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
    expect(lines.at(-1)).toContain('Required metadata header');
  });
});
