import { beforeAll, describe, expect, test } from 'vitest';
import { bicepFile, type BicepFile } from './support/bicep-file.ts';
import { readInfra, roleAssignments, type RoleAssignment } from './support/infra.ts';
import { roleIds } from './support/roles.ts';

let files: ReadonlyMap<string, BicepFile>;
beforeAll(async () => {
  files = await readInfra();
});

const account = { principal: 'functionIdentity', on: 'Microsoft.Storage/storageAccounts', in: 'group' };
const identity = { principal: 'functionIdentity', on: 'Microsoft.ManagedIdentity/userAssignedIdentities' };

/** All that anybody gets, and why. */
const expected: readonly RoleAssignment[] = [
  // Executables, exchanges, records that no entity has room for, the package of the app, the keys of the host.
  { role: roleIds.storageBlobDataOwner, ...account },
  // Signs URLs for runners as itself.
  { role: roleIds.storageBlobDelegator, ...account },
  { role: roleIds.storageQueueDataContributor, ...account },
  { role: roleIds.storageTableDataContributor, ...account },
  // Event Grid brings fences and results, and may do nothing else.
  {
    role: roleIds.storageQueueDataMessageSender,
    principal: 'eventIdentity',
    on: 'Microsoft.Storage/storageAccounts/queueServices/queues',
    in: 'group',
  },
  {
    role: roleIds.azureContainerInstancesContributor,
    principal: 'functionIdentity',
    on: 'resourceGroup()',
    in: 'runsGroup',
  },
  { role: roleIds.managedIdentityOperator, ...identity, in: 'group' },
  {
    role: roleIds.managedIdentityOperator,
    ...identity,
    in: "resourceGroup(split(id, '/')[2], split(id, '/')[4])",
    each: 'otherTaskIdentities',
  },
  {
    role: roleIds.acrPull,
    principal: 'taskIdentity',
    on: 'Microsoft.ContainerRegistry/registries',
    in: 'resourceGroup(registry[2], registry[4])',
    when: '!empty(containerRegistryResourceId)',
  },
  {
    role: roleIds.networkContributor,
    principal: 'functionIdentity',
    on: 'Microsoft.Network/virtualNetworks/subnets',
    in: 'group',
    when: 'makeNetwork',
  },
];

function sorted(assignments: readonly RoleAssignment[]): string[] {
  return assignments.map((assignment) => JSON.stringify(assignment, Object.keys(assignment).toSorted())).toSorted();
}

describe('roles', () => {
  test('are exactly these, on exactly these things', () => {
    expect(sorted(roleAssignments(files))).toEqual(sorted(expected));
  });

  test('have ids that are GUIDs, each its own', () => {
    const ids = Object.values(roleIds);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('are assigned to service principals, under names that the same deployment finds again', () => {
    for (const file of files.values()) {
      for (const { name, type, value } of file.resources.values()) {
        if (type !== 'Microsoft.Authorization/roleAssignments') continue;
        expect(value, `${file.path} ${name}`).toMatchObject({
          name: expect.stringMatching(/^=guid\(.+, \w+PrincipalId, .+\)$/),
          properties: { principalType: 'ServicePrincipal' },
        });
      }
    }
  });

  test.each([
    ['on more than it should', 'modules/runs-role.bicep', 'scope: resourceGroup()', 'scope: subscription()'],
    ['to another principal', 'main.bicep', 'taskPrincipalId: taskIdentity', 'taskPrincipalId: functionIdentity'],
    ['by another id', 'modules/identity-role.bicep', roleIds.managedIdentityOperator, roleIds.networkContributor],
    [
      'once more',
      'modules/storage-roles.bicep',
      'storageBlobDelegator:',
      `owner: '${roleIds.acrPull}'\n  storageBlobDelegator:`,
    ],
  ])('%s are noticed', async (_case, name, from, to) => {
    const path = `infra/${name}`;
    const text = files.get(path)?.root.text ?? '';
    expect(text).toContain(from);
    const changed = new Map(files).set(path, await bicepFile(path, text.replace(from, to)));
    let found: string[] | undefined;
    try {
      found = sorted(roleAssignments(changed));
    } catch {
      found = undefined;
    }
    expect(found).not.toEqual(sorted(expected));
  });
});
