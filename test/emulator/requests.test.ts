import { describe, expect, test } from 'vitest';

import {
  clientOf,
  create,
  group,
  identityId,
  raw,
  refusal,
  resourceGroup,
  rig,
  subscription,
} from './support/harness.ts';

type Body = ReturnType<typeof group>;

const container = (changes: object): Body => group({}, changes);
const variable = (item: object): Body => container({ environmentVariables: [item as { name: string }] });

describe('a PUT is checked', () => {
  const long = 'x'.repeat(64);
  const cases: readonly (readonly [what: string, name: string, body: unknown, code: string, words: RegExp])[] = [
    ['an upper-case name', 'Run', group(), 'InvalidRequestContent', /lower-case/],
    ['a hyphen at the end', 'run-', group(), 'InvalidRequestContent', /hyphen/],
    ['a name of 64', long, group(), 'InvalidRequestContent', /1 to 63/],
    ['a container name', 'run', container({ name: 'a_b' }), 'InvalidRequestContent', /containers\[0\].name/],
    [
      'two containers of a name',
      'run',
      group({ containers: [...group().containers, ...group().containers] }),
      'InvalidRequestContent',
      /twice/,
    ],
    [
      'an unknown region',
      'run',
      group({ location: 'Mars Central' }),
      'LocationNotAvailableForResourceType',
      /marscentral/,
    ],
    ['no location', 'run', { ...group(), location: undefined }, 'LocationRequired', /location/],
    ['Windows', 'run', group({ osType: 'Windows' }), 'InvalidRequestContent', /osType/],
    [
      'half a CPU',
      'run',
      container({ resources: { requests: { cpu: 0.5, memoryInGB: 1 } } }),
      'InvalidRequestContent',
      /cpu.*from 1/,
    ],
    [
      'half a GB',
      'run',
      container({ resources: { requests: { cpu: 1, memoryInGB: 0.5 } } }),
      'InvalidRequestContent',
      /memoryInGB.*from 1/,
    ],
    [
      '32 CPUs',
      'run',
      container({ resources: { requests: { cpu: 32, memoryInGB: 1 } } }),
      'InvalidRequestContent',
      /to 31/,
    ],
    [
      '241 GB',
      'run',
      container({ resources: { requests: { cpu: 1, memoryInGB: 241 } } }),
      'InvalidRequestContent',
      /to 240/,
    ],
    ['a variable with a hyphen', 'run', variable({ name: 'A-B', value: '' }), 'InvalidRequestContent', /A-B/],
    ['a variable that begins with _', 'run', variable({ name: '_A', value: '' }), 'InvalidRequestContent', /_A/],
    ['a variable of 64', 'run', variable({ name: long, value: '' }), 'InvalidRequestContent', /1 to 63/],
    [
      'a variable with two values',
      'run',
      variable({ name: 'A', value: '1', secureValue: '2' }),
      'InvalidRequestContent',
      /one text/,
    ],
    ['port 0', 'run', container({ ports: [{ port: 0 }] }), 'InvalidRequestContent', /1 to 65535/],
    ['a policy', 'run', group({ restartPolicy: 'Sometimes' }), 'InvalidRequestContent', /Always, OnFailure, Never/],
    ['a priority', 'run', group({ priority: 'High' }), 'InvalidRequestContent', /Regular, Spot/],
    [
      'no base64',
      'run',
      group({ volumes: [{ name: 'v', secret: { file: 'no base64!' } }] }),
      'InvalidRequestContent',
      /base64/,
    ],
    [
      'a secret file in a folder',
      'run',
      group({ volumes: [{ name: 'v', secret: { 'a/b': '' } }] }),
      'InvalidRequestContent',
      /a\/b/,
    ],
    ['a volume without a kind', 'run', group({ volumes: [{ name: 'v' }] }), 'InvalidRequestContent', /one of/],
    [
      'a file share',
      'run',
      group({ volumes: [{ name: 'v', azureFile: { shareName: 's', storageAccountName: 'a' } }] }),
      'NotEmulated',
      /azureFile/,
    ],
    [
      'a mount of nothing',
      'run',
      container({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      'InvalidRequestContent',
      /'v'/,
    ],
    ['an image', 'run', container({ image: 'a b' }), 'InvalidImageName', /a b/],
    [
      'an identity that is no id',
      'run',
      group({ identity: { type: 'UserAssigned', userAssignedIdentities: { me: {} } } }),
      'InvalidRequestContent',
      /'me'/,
    ],
    [
      'a type that does not go with the identities',
      'run',
      group({ identity: { type: 'SystemAssigned', userAssignedIdentities: { [identityId]: {} } } }),
      'InvalidRequestContent',
      /SystemAssigned/,
    ],
    [
      'a registry identity that the group has not',
      'run',
      group({ imageRegistryCredentials: [{ server: 'me.azurecr.io', identity: identityId }] }),
      'InvalidImageRegistryIdentity',
      /me.azurecr.io/,
    ],
    [
      'a registry without credentials',
      'run',
      group({ imageRegistryCredentials: [{ server: 'me.azurecr.io' }] }),
      'InvalidRequestContent',
      /password/,
    ],
    ['a subnet that is no id', 'run', group({ subnetIds: [{ id: 'mine' }] }), 'InvalidRequestContent', /subnet/],
    [
      '21 volumes',
      'run',
      group({ volumes: Array.from({ length: 21 }, (_, index) => ({ name: `v${index}`, emptyDir: {} })) }),
      'InvalidRequestContent',
      /at most 20/,
    ],
    [
      'six ports',
      'run',
      group({ ipAddress: { type: 'Public', ports: Array.from({ length: 6 }, (_, index) => ({ port: index + 1 })) } }),
      'InvalidRequestContent',
      /at most 5/,
    ],
    [
      'a spot group with an address',
      'run',
      group({ priority: 'Spot', ipAddress: { type: 'Public', ports: [{ port: 1 }] } }),
      'InvalidRequestContent',
      /spot/,
    ],
    [
      '61 containers',
      'run',
      group({
        containers: Array.from({ length: 61 }, (_, index) => ({
          name: `c${index}`,
          image: 'a',
          resources: { requests: { cpu: 0.1, memoryInGB: 0.1 } },
        })),
      }),
      'InvalidRequestContent',
      /1 to 60/,
    ],
    [
      'a profile',
      'run',
      { ...group(), confidentialComputeProperties: {} },
      'NotEmulated',
      /confidentialComputeProperties/,
    ],
    ['a tag of 257', 'run', group({ tags: { t: 'x'.repeat(257) } }), 'InvalidRequestContent', /256/],
  ];

  test.each(cases)('%s is refused', async (_, name, body, code, words) => {
    const { client, emulator } = await rig();
    const answer = await refusal(client.containerGroups.beginCreateOrUpdate(resourceGroup, name, body as Body));
    expect(answer).toMatchObject({ status: 400, code, message: expect.stringMatching(words) });
    expect((await raw(emulator, 'GET', 'containerGroups')).body).toEqual({ value: [] });
  });

  test('what is not JSON is refused', async () => {
    const { emulator } = await rig();
    const path = `/subscriptions/${subscription}/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/a?api-version=2023-05-01`;
    const response = await fetch(emulator.url + path, { method: 'PUT', body: '{' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'InvalidRequestContent' } });
  });

  test('everything that a task may need is taken, and returned without its secrets', async () => {
    const bench = await rig();
    const body = group(
      {
        tags: { run: 'r1' },
        identity: { type: 'UserAssigned', userAssignedIdentities: { [identityId]: {} } },
        imageRegistryCredentials: [{ server: 'me.azurecr.io', identity: identityId }],
        volumes: [{ name: 'script', secret: { 'run.sh': 'ZWNobw==' } }],
        diagnostics: { logAnalytics: { workspaceId: 'w', workspaceKey: 'k' } },
        subnetIds: [
          {
            id: `/subscriptions/${subscription}/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/v/subnets/s`,
          },
        ],
      },
      { image: 'me.azurecr.io/task:1', command: ['sh'], volumeMounts: [{ name: 'script', mountPath: '/script' }] },
    );
    const created = await create(bench, 'full', body);
    expect(created).toMatchObject({
      tags: { run: 'r1' },
      location: 'westus',
      volumes: [{ name: 'script', secret: {} }],
      imageRegistryCredentials: [{ server: 'me.azurecr.io', identity: identityId }],
      subnetIds: body.subnetIds,
    });
    expect(created.identity?.userAssignedIdentities?.[identityId]).toEqual({
      principalId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      clientId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    // The identity is the same, whichever group has it.
    const second = await create(
      bench,
      'second',
      group({ identity: { type: 'UserAssigned', userAssignedIdentities: { [identityId]: {} } } }),
    );
    expect(second.identity).toEqual(created.identity);
  });
});

describe('an address', () => {
  test('takes the api-versions that it knows, and no request without one', async () => {
    const { emulator } = await rig();
    const code = async (version: string): Promise<unknown> =>
      (await raw(emulator, 'GET', 'containerGroups', undefined, version)).body['error'];
    expect(await code('1999-01-01')).toMatchObject({ code: 'NoRegisteredProviderFound' });
    const bare = await fetch(
      `${emulator.url}/subscriptions/${subscription}/providers/Microsoft.ContainerInstance/containerGroups`,
    );
    expect([bare.status, await bare.json()]).toEqual([
      400,
      { error: expect.objectContaining({ code: 'MissingApiVersionParameter' }) },
    ]);
    for (const version of ['2021-10-01', '2023-05-01', '2025-09-01']) expect(await code(version)).toBeUndefined();
  });

  test('that there is not answers 404, a method that it has not 405', async () => {
    const { emulator } = await rig();
    expect((await raw(emulator, 'GET', 'virtualMachines')).status).toBe(404);
    expect((await raw(emulator, 'POST', 'containerGroups')).status).toBe(405);
    expect((await raw(emulator, 'POST', 'containerGroups/a/containers/b/exec')).body['error']).toMatchObject({
      code: 'NotEmulated',
    });
  });

  test('does not mind upper and lower case, as Resource Manager does not', async () => {
    const bench = await rig();
    await create(bench, 'run');
    const found = await raw(
      bench.emulator,
      'GET',
      `/SUBSCRIPTIONS/${subscription}/resourcegroups/RG-Runs/providers/microsoft.containerinstance/containergroups/run`,
    );
    expect(found.body['name']).toBe('run');
  });

  test('of the provider lists its operations, a region its images, a group what it depends on', async () => {
    const bench = await rig();
    await create(bench, 'run');
    const names: (string | undefined)[] = [];
    for await (const { name } of bench.client.operations.list()) names.push(name);
    expect(names).toContain('Microsoft.ContainerInstance/containerGroups/write');
    expect(await bench.client.containerGroups.getOutboundNetworkDependenciesEndpoints(resourceGroup, 'run')).toEqual(
      [],
    );
    const images = [];
    for await (const image of bench.client.location.listCachedImages('West US')) images.push(image);
    expect(images).toEqual([]);
  });
});

describe('over https', () => {
  test('the SDK trusts the certificate that it is given, and its token is taken', async () => {
    const bench = await rig({ tls: true });
    expect(bench.emulator.url).toMatch(/^https:/);
    expect((await create(bench, 'run')).provisioningState).toBe('Succeeded');
    const stranger = clientOf({ url: bench.emulator.url, ca: (await rig({ tls: true })).emulator.ca });
    await expect(stranger.containerGroups.get(resourceGroup, 'run')).rejects.toThrow(/certificate|self-signed/);
  });

  test.each([['no'], ['a.b'], ['a.b.c'], ['e30.e30.']])('the token %s is refused', async (token) => {
    const { emulator } = await rig({ tls: true });
    const answer = await refusal(clientOf(emulator, token).containerGroups.get(resourceGroup, 'run'));
    expect(answer).toMatchObject({ status: 401, code: 'InvalidAuthenticationToken' });
  });

  test('no token is refused, too', async () => {
    const { emulator } = await rig({ tls: true });
    const client = clientOf(emulator);
    client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
    expect(await refusal(client.containerGroups.get(resourceGroup, 'run'))).toMatchObject({
      status: 401,
      code: 'AuthenticationFailed',
    });
  });
});
