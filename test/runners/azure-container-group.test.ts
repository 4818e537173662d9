import { describe, expect, test } from 'vitest';

import type { RunnerSpec } from '../../src/core/ports/runner-driver.ts';
import { toContainerGroup } from '../../src/runners/azure-container-group.ts';
import type { ContainerGroupSettings } from '../../src/runners/azure-settings.ts';
import { sampleSpec } from './support/azure-harness.ts';

const identity = (name: string): string =>
  `/subscriptions/s/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;

const settings: ContainerGroupSettings = { script: 'echo runner\n', identities: [identity('task')], registries: [] };
const createdAt = '2026-11-24T04:00:00.000Z';

function group(spec: Partial<RunnerSpec> = {}, changes: Partial<ContainerGroupSettings> = {}) {
  return toContainerGroup(sampleSpec(spec), { ...settings, ...changes }, createdAt);
}

describe('the container group of an attempt', () => {
  test('is one Linux container that is started once, with the runner script and nothing else', () => {
    const spec = sampleSpec({
      runId: '01run',
      attempt: 2,
      instanceId: 'inst',
      taskName: 'StopVM',
      image: 'mcr.microsoft.com/azure-cli:latest',
      access: { kind: 'signedUrls', plain: { VMName: 'vm1' }, secure: { ERRAND_LOG_URL: 'https://x/log?sig=abc' } },
    });
    expect(toContainerGroup(spec, settings, createdAt)).toEqual({
      location: 'westus',
      tags: {
        'errand-run': '01run',
        'errand-attempt': '2',
        'errand-instance': 'inst',
        'errand-task': 'StopVM',
        'errand-created': createdAt,
      },
      osType: 'Linux',
      restartPolicy: 'Never',
      sku: 'Standard',
      containers: [
        {
          name: 'runner',
          image: 'mcr.microsoft.com/azure-cli:latest',
          command: ['/bin/sh', '/errand-runner/script-runner.sh'],
          environmentVariables: [
            { name: 'VMName', value: 'vm1' },
            { name: 'ERRAND_LOG_URL', secureValue: 'https://x/log?sig=abc' },
          ],
          resources: { requests: { cpu: 1, memoryInGB: 1 } },
          volumeMounts: [{ name: 'errand-runner', mountPath: '/errand-runner', readOnly: true }],
        },
      ],
      volumes: [
        {
          name: 'errand-runner',
          secret: { 'script-runner.sh': Buffer.from('echo runner\n').toString('base64') },
        },
      ],
    });
  });

  test('shows secret values nowhere but in secureValue', () => {
    const canary = 'https://store/fence?sig=canary';
    const made = group({ access: { kind: 'signedUrls', plain: {}, secure: { ERRAND_FENCE_URL: canary } } });
    const hidden = JSON.stringify(made, (key, value: unknown) => (key === 'secureValue' ? undefined : value));
    expect(hidden).not.toContain('canary');
    expect(JSON.stringify(made)).toContain('canary');
  });

  test('gives a name that is both plain and secret once, as the secret', () => {
    const made = group({ access: { kind: 'signedUrls', plain: { A: 'open' }, secure: { A: 'hidden' } } });
    expect(made.containers[0]?.environmentVariables).toEqual([{ name: 'A', secureValue: 'hidden' }]);
  });

  test('acts as an allowed identity, and the runner waits for it', () => {
    const made = group({ identity: identity('TASK') });
    expect(made.identity).toEqual({ type: 'UserAssigned', userAssignedIdentities: { [identity('task')]: {} } });
    expect(made.containers[0]?.environmentVariables).toContainEqual({ name: 'ERRAND_IDENTITY', secureValue: '1' });
  });

  test('refuses an identity that is not allowed, for good', () => {
    expect(() => group({ identity: identity('orchestrator') })).toThrow(
      expect.objectContaining({
        name: 'StartRefused',
        permanent: true,
        message: expect.stringContaining('not one that tasks may act as'),
      }),
    );
  });

  test('has no identity unless one is asked for or configured', () => {
    expect(group().identity).toBeUndefined();
    expect(group({}, { defaultIdentity: identity('all') }).identity?.userAssignedIdentities).toEqual({
      [identity('all')]: {},
    });
    const own = group({ identity: identity('task') }, { defaultIdentity: identity('all') });
    expect(Object.keys(own.identity?.userAssignedIdentities ?? {})).toEqual([identity('task')]);
  });

  test('asks a registry as an identity that the group has too, and only the registry of its image', () => {
    const registries = [
      { server: 'other.azurecr.io', identity: identity('other') },
      { server: 'mine.azurecr.io', identity: identity('pull') },
    ];
    const made = group({ image: 'mine.azurecr.io/tasks:1', identity: identity('task') }, { registries });
    expect(made.imageRegistryCredentials).toEqual([{ server: 'mine.azurecr.io', identity: identity('pull') }]);
    expect(Object.keys(made.identity?.userAssignedIdentities ?? {})).toEqual([identity('task'), identity('pull')]);
    const open = group({ image: 'mcr.microsoft.com/azure-cli' }, { registries });
    expect([open.imageRegistryCredentials, open.identity]).toEqual([undefined, undefined]);
    // An identity that only fetches the image is none for the task to wait for.
    const only = group({ image: 'mine.azurecr.io/tasks:1' }, { registries });
    expect(only.containers[0]?.environmentVariables?.map(({ name }) => name)).not.toContain('ERRAND_IDENTITY');
  });

  test('takes subnet, Log Analytics, spot, tags and the prefix from the configuration, and never gives up its own tags', () => {
    const made = group(
      {},
      {
        subnetId: '/subnets/runs',
        logAnalytics: { workspaceId: 'w', workspaceKey: 'k' },
        priority: 'Spot',
        tags: { team: 'ops', 'errand-run': 'forged' },
        containerNamePrefix: 'task-',
      },
    );
    expect(made).toMatchObject({
      subnetIds: [{ id: '/subnets/runs' }],
      diagnostics: { logAnalytics: { workspaceId: 'w', workspaceKey: 'k' } },
      priority: 'Spot',
      tags: { team: 'ops' },
      containers: [{ name: 'task-runner' }],
    });
    expect(made.tags?.['errand-run']).not.toBe('forged');
    expect(group({}, { priority: 'Regular' }).priority).toBeUndefined();
  });

  test.each([
    [{ user: '1000' }, 'container.user'],
    [{ readOnlyRoot: true }, 'container.readOnlyRoot'],
    [{ capabilities: ['CHOWN'] }, 'container.capabilities'],
    [{ network: 'none' }, 'container.network'],
  ] as const)('refuses %j rather than leave it out', (wish, name) => {
    const container = { ...sampleSpec().container, ...wish } as RunnerSpec['container'];
    expect(() => group({ container })).toThrow(
      expect.objectContaining({ name: 'StartRefused', permanent: true, message: expect.stringContaining(name) }),
    );
  });

  test('refuses an exchange by directory', () => {
    expect(() => group({ access: { kind: 'directory', exchange: '/a', executable: '/b' } })).toThrow(/Blob storage/);
  });
});
