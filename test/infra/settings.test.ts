import { beforeAll, describe, expect, test } from 'vitest';
import { azureConfig } from '../../src/entry/azure-config.ts';
import { azureNames } from '../../src/entry/azure-setting-names.ts';
import type { BicepFile } from './support/bicep-file.ts';
import { at, textAt } from './support/bicep-value.ts';
import { paramsOf, readInfra } from './support/infra.ts';

const appPath = 'infra/modules/function-app.bicep';
let files: ReadonlyMap<string, BicepFile>;
let settings: Readonly<Record<string, string>>;
beforeAll(async () => {
  files = await readInfra();
  const value = files.get(appPath)?.variables.get('settings')?.value;
  settings = Object.fromEntries(Object.keys(Object(value)).map((name) => [name, textAt(value, name)]));
});

/** Settings of Errand that a deployment leaves as they are by default, and why. */
const leftOut: Readonly<Record<string, string>> = {
  ERRAND_PRICES_FILE: 'the list prices that come with Errand are taken',
  ERRAND_STORAGE_CONNECTION_STRING: 'there are no keys',
  ERRAND_STORAGE_ACCOUNT: 'the addresses are given, which differ from cloud to cloud',
  ERRAND_RUNNER_BLOB_ENDPOINT: 'runners see the account as the app does',
  ERRAND_ARM_ENDPOINT: 'that of the public cloud',
  ERRAND_PRIORITY: 'Regular',
  ERRAND_TAGS: 'container groups have the tags of Errand',
  ERRAND_FUNCTION_KEY_SCOPES: 'a function key may do everything',
  ERRAND_ENTRA_JWKS_URL: 'that of the tenant',
  ERRAND_ENTRA_CLIENTS: 'roles decide',
  ERRAND_WEBHOOK_HOSTS: 'any that is public',
  ERRAND_WEBHOOK_ALLOW_INTERNAL: 'none that is internal',
  ERRAND_LOG_MAX_BYTES: '64 MiB',
  ERRAND_KEEP_DAYS: '30',
  ERRAND_LOG_LEVEL: 'info',
  AZURE_FUNCTIONS_ENVIRONMENT: 'set by the host',
};

const subscription = '11111111-2222-4333-8444-555555555555';
const clientId = '66666666-7777-4888-9999-aaaaaaaaaaaa';
const identity = (name: string) =>
  `/subscriptions/${subscription}/resourceGroups/rg-demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;

/** What the expressions come to in one deployment with everything in it. */
const sample: Readonly<Record<string, string>> = {
  identityClientId: clientId,
  'account.properties.primaryEndpoints.blob': 'https://sterrandx.blob.core.windows.net/',
  'account.properties.primaryEndpoints.queue': 'https://sterrandx.queue.core.windows.net/',
  'account.properties.primaryEndpoints.table': 'https://sterrandx.table.core.windows.net/',
  'applicationInsights.properties.ConnectionString': 'InstrumentationKey=00000000-0000-0000-0000-000000000000',
  'storage.tasks': 'tasks',
  'storage.exchanges': 'errand',
  'storage.tablePrefix': 'errand',
  'storage.queue': 'errand-work',
  'subscription().subscriptionId': subscription,
  'runs.resourceGroup': 'rg-demo-runs',
  'runs.regions': 'westeurope,northeurope',
  'runs.namePrefix': 'errand',
  'runs.defaultIdentity': identity('id-task-x'),
  'runs.identities': `${identity('id-task-x')},${identity('deployer')}`,
  'runs.registries': `demo.azurecr.io=${identity('id-task-x')}`,
  'runs.subnet': `/subscriptions/${subscription}/resourceGroups/rg-demo/providers/Microsoft.Network/virtualNetworks/v/subnets/runners`,
  "containerLogs ? workspace.properties.customerId : ''": subscription,
  "containerLogs ? workspace.listKeys().primarySharedKey : ''": 'a2V5',
  'door.authLevel': 'function',
  "empty(apiKeysBase64) ? '' : base64ToString(apiKeysBase64)": '',
  "empty(door.entraAudience) ? '' : tenant().tenantId": '',
  'door.entraAudience': '',
  secretKey: Buffer.alloc(32, 7).toString('base64'),
};

const literals = new Set(['APPLICATION_INSIGHTS_NO_STATSBEAT', 'AzureWebJobsStorage__credential', 'ERRAND_DRIVER']);

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, text]) => {
      const value = literals.has(name) ? text : sample[text];
      if (value === undefined) throw new Error(`${name} is ${text}, of which there is no sample`);
      return [name, value];
    }),
  );
}

describe('settings', () => {
  test('all that Errand reads are set, or left out for a reason', () => {
    const missing = azureNames.filter((name) => settings[name] === undefined && leftOut[name] === undefined);
    expect(missing).toEqual([]);
    expect(Object.keys(leftOut).filter((name) => settings[name] !== undefined)).toEqual([]);
  });

  test('none is set that nobody reads', () => {
    const own = Object.keys(settings).filter((name) => name.startsWith('ERRAND_'));
    expect(own.filter((name) => !azureNames.some((known) => known === name))).toEqual([]);
  });

  test('the exporter of Application Insights tells nobody else how it is used', () => {
    expect(settings['APPLICATION_INSIGHTS_NO_STATSBEAT']).toBe('true');
  });

  test('the host reaches storage as the identity of the app', () => {
    expect(settings).toMatchObject({
      AzureWebJobsStorage__credential: 'managedidentity',
      AzureWebJobsStorage__clientId: 'identityClientId',
      AzureWebJobsStorage__blobServiceUri: 'account.properties.primaryEndpoints.blob',
      AzureWebJobsStorage__queueServiceUri: 'account.properties.primaryEndpoints.queue',
      AzureWebJobsStorage__tableServiceUri: 'account.properties.primaryEndpoints.table',
    });
    expect(Object.keys(settings)).not.toContain('AzureWebJobsStorage');
    const app = paramsOf(files, 'infra/main.bicep', 'functionApp');
    expect(textAt(app, 'identityClientId')).toBe('functionIdentity.outputs.clientId');
    expect(textAt(app, 'identityResourceId')).toBe('functionIdentity.outputs.resourceId');
  });

  test('Flex Consumption refuses settings of other plans, and there are none', () => {
    const refused = /^(?:FUNCTIONS_(?:WORKER_RUNTIME|EXTENSION_VERSION)|WEBSITE_|ENABLE_ORYX|SCM_DO_BUILD)/;
    expect(Object.keys(settings).filter((name) => refused.test(name))).toEqual([]);
  });

  test('Errand takes them, and understands what was meant', () => {
    expect(azureConfig(environment())).toMatchObject({
      storage: {
        account: { blobs: expect.stringMatching(/^https:\/\/sterrandx\.blob\.core\.windows\.net\/?$/) },
        tasksContainer: 'tasks',
        exchangesContainer: 'errand',
        tablePrefix: 'errand',
        queue: 'errand-work',
      },
      driver: 'azure-container-instances',
      subscriptionId: subscription,
      resourceGroup: 'rg-demo-runs',
      places: [{ region: 'westeurope' }, { region: 'northeurope' }],
      clientId,
      defaultIdentity: identity('id-task-x'),
      identities: [identity('id-task-x'), identity('deployer')],
      registries: [{ server: 'demo.azurecr.io', identity: identity('id-task-x') }],
      subnetId: sample['runs.subnet'],
      logAnalytics: { workspaceId: subscription, workspaceKey: 'a2V5' },
      authLevel: 'function',
      entra: undefined,
    });
  });

  test('without any of the options, too', () => {
    const options = [
      'runs.registries',
      'runs.subnet',
      ...Object.keys(sample).filter((text) => text.startsWith('containerLogs')),
    ];
    const less = Object.fromEntries(
      Object.entries(environment()).map(([name, value]) => [name, options.includes(settings[name] ?? '') ? '' : value]),
    );
    expect(azureConfig(less)).toMatchObject({ registries: [], subnetId: undefined, logAnalytics: undefined });
  });

  test.each(['ERRAND_RESOURCE_GROUP', 'ERRAND_SUBSCRIPTION_ID'])('it would say so if %s were missing', (name) => {
    const { [name]: _left, ERRAND_DEFAULT_IDENTITY: _identity, ...rest } = environment();
    expect(() => azureConfig(rest)).toThrow(name);
  });

  test('what the main file says of runs is of this deployment', () => {
    const runs = at(paramsOf(files, 'infra/main.bicep', 'functionApp'), 'runs');
    expect(textAt(runs, 'resourceGroup')).toBe('runsGroup.name');
    expect(textAt(runs, 'regions')).toBe('empty(runRegions) ? location : runRegions');
    expect(textAt(runs, 'defaultIdentity')).toBe('taskIdentity.outputs.resourceId');
    expect(textAt(runs, 'identities')).toBe(
      "join(concat([taskIdentity.outputs.resourceId], otherTaskIdentities), ',')",
    );
    expect(textAt(runs, 'subnet')).toBe(
      'makeNetwork ? runnerNetwork!.outputs.subnetResourceId : runnerSubnetResourceId',
    );
  });
});
