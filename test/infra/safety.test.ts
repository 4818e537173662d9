import { beforeAll, describe, expect, test } from 'vitest';
import type { BicepFile } from './support/bicep-file.ts';
import { at, textAt } from './support/bicep-value.ts';
import { mainPath, paramsOf, readInfra } from './support/infra.ts';

let files: ReadonlyMap<string, BicepFile>;
beforeAll(async () => {
  files = await readInfra();
});

describe('storage', () => {
  const account = () => paramsOf(files, 'infra/modules/storage.bicep', 'account');

  test('takes no keys, no plain http, no old TLS, and shows nothing to the public', () => {
    expect(account()).toMatchObject({
      allowSharedKeyAccess: false,
      allowBlobPublicAccess: false,
      allowCrossTenantReplication: false,
      defaultToOAuthAuthentication: true,
      supportsHttpsTrafficOnly: true,
      minimumTlsVersion: 'TLS1_2',
    });
  });

  test('has the blob containers, queues and tables that the drivers use, each of them private', () => {
    const variables = files.get('infra/modules/storage.bicep')?.variables;
    const variable = (name: string) => textAt({ value: variables?.get(name)?.value ?? null }, 'value');
    const names = (...path: string[]) => {
      const list = at(account(), ...path);
      return (Array.isArray(list) ? list : []).map((entry) => {
        const name = at(entry, 'name');
        if (typeof name !== 'string') throw new TypeError('a name is neither text nor a variable');
        if (name.startsWith('=')) return variable(name.slice(1));
        return name.replaceAll(/\$\{(\w+)\}/g, (_all, inner: string) => variable(inner));
      });
    };
    expect(names('blobServices', 'containers')).toEqual(['tasks', 'errand', 'errand-records', 'deployment']);
    expect(names('queueServices', 'queues')).toEqual(['errand-work', 'errand-work-poison']);
    expect(names('tableServices', 'tables')).toEqual(['errandruns', 'errandindex', 'errandstate']);
    const containers = at(account(), 'blobServices', 'containers');
    for (const container of Array.isArray(containers) ? containers : [])
      expect(at(container, 'publicAccess')).toBe('None');
  });
});

describe('the function app', () => {
  const site = () => paramsOf(files, 'infra/modules/function-app.bicep', 'site');

  test('speaks https with TLS 1.2, and has neither FTP nor passwords for publishing', () => {
    expect(site()).toMatchObject({
      httpsOnly: true,
      siteConfig: { minTlsVersion: '1.2', ftpsState: 'Disabled' },
      basicPublishingCredentialsPolicies: [
        { name: 'ftp', allow: false },
        { name: 'scm', allow: false },
      ],
    });
  });

  test('is on Flex Consumption, with nothing always ready, and gets its package as its identity', () => {
    expect(paramsOf(files, 'infra/modules/function-app.bicep', 'plan')).toMatchObject({
      skuName: 'FC1',
      reserved: true,
    });
    expect(site()).toMatchObject({
      kind: 'functionapp,linux',
      managedIdentities: { userAssignedResourceIds: ['=identityResourceId'] },
      functionAppConfig: {
        runtime: { name: 'node', version: '=nodeVersion' },
        deployment: {
          storage: {
            type: 'blobContainer',
            authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: '=identityResourceId' },
          },
        },
      },
    });
    expect(at(site(), 'functionAppConfig', 'scaleAndConcurrency', 'alwaysReady')).toBeUndefined();
  });
});

describe('secrets', () => {
  const secret = /key|secret|password|connectionstring|token|credential/i;

  test('are in no output', () => {
    const told = /listKeys|listAccountSas|connectionString|primaryKey|secretKey|apiKeys/i;
    const outputs = [...files.values()].flatMap((file) => [...file.outputs.values()]);
    expect(outputs.length).toBeGreaterThan(10);
    expect(
      outputs
        .filter(({ name, value }) => secret.test(name) || told.test(JSON.stringify(value)))
        .map(({ name }) => name),
    ).toEqual([]);
  });

  test('are parameters that Azure does not keep', () => {
    const named = [...files.values()].flatMap((file) =>
      [...file.parameters.values()]
        .filter(({ name }) => /key|secret/i.test(name))
        .map((parameter) => ({ file, parameter })),
    );
    expect(named.map(({ file, parameter }) => `${file.path} ${parameter.name}`)).toEqual([
      'infra/main.bicep secretKey',
      'infra/main.bicep apiKeysBase64',
      'infra/modules/function-app.bicep secretKey',
      'infra/modules/function-app.bicep apiKeysBase64',
    ]);
    for (const { parameter } of named) expect(parameter.decorators).toContain('secure');
  });

  test('the keys of a service are read in one place, and only when they are asked for', () => {
    const calls = [...files.values()].flatMap(({ path, root }) =>
      [...root.text.matchAll(/.*\blist\w+\(.*/g)].map(([line]) => `${path}: ${line.trim()}`),
    );
    expect(calls).toEqual([
      "infra/modules/function-app.bicep: ERRAND_LOG_ANALYTICS_KEY: containerLogs ? workspace.listKeys().primarySharedKey : ''",
    ]);
    expect(textAt(paramsOf(files, mainPath, 'functionApp'), 'containerLogs')).toBe("containerLogs == 'true'");
  });
});

describe('the network of runners', () => {
  test('is made on demand, and its subnet belongs to Container Instances', () => {
    expect(files.get(mainPath)?.modules.get('runnerNetwork')?.condition).toBe('makeNetwork');
    expect(paramsOf(files, 'infra/modules/runner-network.bicep', 'network')).toMatchObject({
      subnets: [{ delegation: 'Microsoft.ContainerInstance/containerGroups', serviceEndpoints: ['Microsoft.Storage'] }],
    });
  });
});

describe('monitoring', () => {
  test('Application Insights lies on Log Analytics', () => {
    const insights = paramsOf(files, 'infra/modules/monitoring.bicep', 'applicationInsights');
    expect(textAt(insights, 'workspaceResourceId')).toBe('workspace.outputs.resourceId');
  });
});
