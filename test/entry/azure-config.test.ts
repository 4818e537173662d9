import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { azureConfig } from '../../src/entry/azure-config.ts';
import { azureNames } from '../../src/entry/azure-setting-names.ts';

const subscription = '11111111-2222-4333-8444-555555555555';
const identity = `/subscriptions/${subscription}/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/runner`;

test('the five keys of the published configuration are enough', () => {
  const config = azureConfig({
    StorageConnectionString: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k',
    ContainerGroupNamePrefix: 'a3e-group-',
    ContainerInstanceNamePrefix: 'a3e-instance',
    ResourceGroupName: 'rg-runs',
    UserAssignedManagedServiceIdentityId: identity,
  });
  expect(config).toMatchObject({
    storage: { account: { connectionString: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k' } },
    driver: 'azure-container-instances',
    subscriptionId: subscription,
    resourceGroup: 'rg-runs',
    namePrefix: 'a3e-group',
    containerNamePrefix: 'a3e-instance',
    defaultIdentity: identity,
    identities: [identity],
    places: [{ region: 'West US' }],
    authLevel: 'function',
  });
});

test('as an identity, by the addresses that the host has as well', () => {
  const config = azureConfig({
    AzureWebJobsStorage__blobServiceUri: 'https://a.blob.core.windows.net/',
    AzureWebJobsStorage__queueServiceUri: 'https://a.queue.core.windows.net/',
    AzureWebJobsStorage__tableServiceUri: 'https://a.table.core.windows.net/',
    AzureWebJobsStorage__clientId: subscription,
    WEBSITE_OWNER_NAME: `${subscription}+group-WestUSwebspace-Linux`,
    ERRAND_RESOURCE_GROUP: 'runs',
    ERRAND_REGIONS: 'westus2:50:60, eastus',
    ERRAND_REGISTRIES: `r.azurecr.io=${identity}`,
    ERRAND_TAGS: 'team=shop,cost=1=2',
  });
  expect(config).toMatchObject({
    storage: {
      account: {
        blobs: 'https://a.blob.core.windows.net',
        queues: 'https://a.queue.core.windows.net',
        tables: 'https://a.table.core.windows.net',
      },
    },
    clientId: subscription,
    subscriptionId: subscription,
    places: [{ region: 'westus2', runners: 50, cpu: 60 }, { region: 'eastus' }],
    registries: [{ server: 'r.azurecr.io', identity }],
    tags: { team: 'shop', cost: '1=2' },
  });
});

test('an account by its name, and a name of ours before one of the host', () => {
  const { storage, resourceGroup } = azureConfig({
    ERRAND_STORAGE_ACCOUNT: 'mine',
    AzureWebJobsStorage: 'AccountName=other',
    ERRAND_SUBSCRIPTION_ID: subscription,
    ERRAND_RESOURCE_GROUP: 'runs',
    ResourceGroupName: 'not-this',
  });
  expect([storage.account, resourceGroup]).toMatchObject([{ tables: 'https://mine.table.core.windows.net' }, 'runs']);
});

test('what is missing is named, all at once', () => {
  expect(() => azureConfig({})).toThrow(/ERRAND_STORAGE_ACCOUNT.*ERRAND_SUBSCRIPTION_ID.*ERRAND_RESOURCE_GROUP/s);
});

const needed = { ERRAND_STORAGE_ACCOUNT: 'mine', ERRAND_SUBSCRIPTION_ID: subscription, ERRAND_RESOURCE_GROUP: 'g' };
test.each([
  ['ERRAND_STORAGE_ACCOUNT', 'Not-An-Account'],
  ['ERRAND_SUBSCRIPTION_ID', 'none'],
  ['ERRAND_REGIONS', 'westus:many'],
  ['ERRAND_REGISTRIES', 'r.azurecr.io'],
  ['ERRAND_PRIORITY', 'Cheap'],
  ['ERRAND_NAME_PREFIX', 'Upper'],
  ['ERRAND_LOG_ANALYTICS_ID', subscription],
  ['ERRAND_ENTRA_TENANT_ID', subscription],
  ['ERRAND_AUTH_LEVEL', 'admin'],
  ['ERRAND_ARM_ENDPOINT', 'ftp://arm'],
])('a wrong %s is named', (name, value) => {
  expect(() => azureConfig({ ...needed, [name]: value })).toThrow(name);
});

test('every setting is in docs/configuration.md', () => {
  const page = readFileSync('docs/configuration.md', 'utf8');
  expect(azureNames.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
