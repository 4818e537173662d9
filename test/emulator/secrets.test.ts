import { expect, test } from 'vitest';

import { instantEngine } from '../../emulator/server.ts';
import { create, group, identityId, raw, resourceGroup, rig, subscription } from './support/harness.ts';

const canary = 'canary-5b1f';
const secret = Buffer.from(canary).toString('base64');

test('what is secret is in no answer: not of a create, a poll, a get, a list, a change of tags, a stop, a delete', async () => {
  const bench = await rig({
    engine: instantEngine({ behavior: () => ({ runMs: Infinity }) }),
    switches: { listShowsInstanceView: true },
  });
  const body = group(
    {
      initContainers: [{ name: 'prepare', image: 'a', environmentVariables: [{ name: 'S', secureValue: canary }] }],
      volumes: [{ name: 'v', secret: { file: secret } }],
      imageRegistryCredentials: [{ server: 's', username: 'u', password: canary }],
      diagnostics: { logAnalytics: { workspaceId: 'w', workspaceKey: canary } },
      identity: { type: 'UserAssigned', userAssignedIdentities: { [identityId]: {} } },
    },
    {
      environmentVariables: [
        { name: 'S', secureValue: canary },
        { name: 'P', value: 'plain-one' },
      ],
    },
  );
  const answers: string[] = [];
  // Before the SDK drops what it does not know.
  bench.client.pipeline.addPolicy({
    name: 'collect',
    async sendRequest(request, next) {
      const response = await next(request);
      answers.push(response.bodyAsText ?? '');
      return response;
    },
  });
  const { containerGroups } = bench.client;
  const engineRuns = bench.emulator.switches;
  engineRuns.set({ pendingMs: 0, pullMs: 0 });
  await containerGroups
    .beginCreateOrUpdate(resourceGroup, 'run', { ...body, initContainers: [] }, { updateIntervalInMs: 10 })
    .then((poller) => poller.pollUntilDone());
  await containerGroups.get(resourceGroup, 'run');
  await containerGroups.update(resourceGroup, 'run', { tags: { a: 'b' } });
  for await (const found of containerGroups.list()) expect(found.name).toBe('run');
  for await (const found of containerGroups.listByResourceGroup(resourceGroup)) expect(found.name).toBe('run');
  await containerGroups.stop(resourceGroup, 'run');
  await containerGroups.beginDeleteAndWait(resourceGroup, 'run');
  await containerGroups.beginCreateOrUpdate(resourceGroup, 'prepared', body);
  answers.push(
    (
      await raw(
        bench.emulator,
        'GET',
        `/subscriptions/${subscription}/providers/Microsoft.ContainerInstance/containerGroups`,
      )
    ).text,
  );

  const all = answers.join('\n');
  expect(answers.length).toBeGreaterThan(8);
  // The scan sees what is not secret, and the names of what is.
  expect(all).toContain('plain-one');
  expect(all).toContain('"name":"S"');
  expect(all).not.toContain(canary);
  expect(all).not.toContain(secret);
});

test('what is secret reaches the container', async () => {
  const seen: unknown[] = [];
  const bench = await rig({
    engine: instantEngine({
      behavior: () => ({
        effect: async ({ environment, group: { volumes } }) => {
          const volume = volumes.get('v');
          seen.push(environment['S'], volume?.kind === 'secret' ? volume.files.get('file')?.toString() : undefined);
        },
      }),
    }),
  });
  await create(
    bench,
    'run',
    group(
      { volumes: [{ name: 'v', secret: { file: secret } }] },
      { environmentVariables: [{ name: 'S', secureValue: canary }] },
    ),
  );
  await expect.poll(() => seen).toEqual([canary, canary]);
});
