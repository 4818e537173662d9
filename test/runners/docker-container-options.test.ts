import { describe, expect, test } from 'vitest';

import { taskDefinitionSchema } from '../../src/contract/task-definition.ts';
import type { RunnerSpec } from '../../src/core/ports/runner-driver.ts';
import { type HostFacts, toContainerOptions } from '../../src/runners/docker-container-options.ts';

const definition = taskDefinitionSchema.parse({ taskName: 'T', dockerImage: 'tool:1', scriptName: 't.sh' });

const spec: RunnerSpec = {
  name: 'errand-abc-2',
  runId: 'abc',
  attempt: 2,
  taskName: 'T',
  place: 'local',
  instanceId: 'i',
  image: 'tool:1',
  resources: { cpu: 1.5, memoryInGB: 0.5 },
  container: definition.container,
  identity: undefined,
  access: { kind: 'directory', exchange: '/here/x', executable: '/here/e' },
  graceSeconds: 30,
};

const host: HostFacts = {
  runnerScript: '/there/runner.sh',
  exchange: { directory: '/there/x', executable: '/there/e' },
  network: 'network-id',
  cpus: 4,
};

describe('the request that creates a container', () => {
  test('names it, and says whose it is', () => {
    expect(toContainerOptions(spec, host)).toMatchObject({
      name: 'errand-abc-2',
      Image: 'tool:1',
      Labels: { 'errand.run': 'abc', 'errand.attempt': '2', 'errand.instance': 'i', 'errand.task': 'T' },
    });
  });

  test('starts the runner with a shell, whatever the image would start', () => {
    expect(toContainerOptions(spec, host)).toMatchObject({
      Entrypoint: ['/bin/sh', '/usr/local/bin/script-runner.sh'],
      Cmd: ['/errand'],
      StopSignal: 'SIGTERM',
      StopTimeout: 35,
      Healthcheck: { Test: ['NONE'] },
    });
  });

  test('mounts paths as the engine sees them, all but the exchange read-only', () => {
    const mounts = toContainerOptions(spec, host).HostConfig?.Mounts ?? [];
    expect(mounts.map(({ Source, Target, ReadOnly }) => [Source, Target, ReadOnly])).toEqual([
      ['/there/runner.sh', '/usr/local/bin/script-runner.sh', true],
      ['/there/x', '/errand', false],
      ['/there/e', '/errand-executable', true],
    ]);
  });

  test('gives nothing away by default', () => {
    const { HostConfig, Env, User } = toContainerOptions(spec, host);
    expect(HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      CapAdd: [],
      SecurityOpt: ['no-new-privileges:true'],
      Privileged: false,
      RestartPolicy: { Name: 'no' },
      Memory: 512 * 1024 ** 2,
      MemorySwap: 512 * 1024 ** 2,
      NanoCpus: 1.5e9,
      NetworkMode: 'network-id',
      ReadonlyRootfs: false,
    });
    expect([Env, User, HostConfig?.Binds, HostConfig?.Tmpfs]).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('does what the definition asks for', () => {
    const container = {
      user: '1000:1000',
      readOnlyRoot: true,
      network: 'none',
      capabilities: ['CHOWN', 'SETUID'],
    } as const;
    const options = toContainerOptions(
      { ...spec, container: { ...container, capabilities: [...container.capabilities] } },
      host,
    );
    expect(options).toMatchObject({ User: '1000:1000' });
    expect(options.HostConfig).toMatchObject({
      CapAdd: ['CHOWN', 'SETUID'],
      ReadonlyRootfs: true,
      NetworkMode: 'none',
    });
    expect(options.HostConfig?.Tmpfs?.['/tmp']).toContain('mode=1777');
  });

  test('without a known network there is none, rather than one where tasks meet', () => {
    expect(toContainerOptions(spec, { ...host, network: undefined }).HostConfig?.NetworkMode).toBe('none');
  });

  test('never asks for more CPUs than there are, which the engine would refuse', () => {
    const { HostConfig } = toContainerOptions({ ...spec, resources: { cpu: 8, memoryInGB: 1 } }, host);
    expect(HostConfig?.NanoCpus).toBe(4e9);
  });
});
