import { createServer } from 'node:http';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { Logger } from '../../src/core/logger.ts';
import { azureContainerInstances } from '../../src/runners/azure-container-instances.ts';
import type { AzureContainerInstancesOptions, AzureRateLimit } from '../../src/runners/azure-settings.ts';
import { azureHarness, type AzureHarness, resourceGroup, subscriptionId } from './support/azure-harness.ts';
import { listen } from '../support/listen.ts';

type Changes = Partial<AzureContainerInstancesOptions>;

async function harness(
  driver: Changes = {},
  emulated: { tls?: boolean; switches?: object } = {},
): Promise<AzureHarness> {
  const made = await azureHarness({ driver, ...emulated });
  onTestFinished(() => made.dispose());
  return made;
}

/** A service that answers everything in one way. */
async function answering(
  status: number,
  code: string,
  only = '',
): Promise<AzureContainerInstancesOptions['connection']> {
  const server = createServer((request, response) => {
    const struck = (request.url ?? '').includes(only);
    response.writeHead(struck ? status : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(struck ? { error: { code, message: 'It says so.' } } : { value: [] }));
  });
  const port = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${port}`, allowInsecure: true };
}

function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const write = (details: object, message: string): void => void lines.push(`${message} ${JSON.stringify(details)}`);
  return { logger: { debug: write, info: write, warn: write, error: write }, lines };
}

/** Looks like a token of Entra ID, as far as the emulator looks. */
const token = ['{"alg":"RS256","typ":"JWT"}', '{"aud":"https://management.azure.com"}', 'signature']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.');

describe('the check', () => {
  const wrong = (text: string) => ({ code: 'invalidConfiguration', message: expect.stringContaining(text) });

  test('is content with what there is, and asks for the quota of a region once', async () => {
    const { driver, emulator } = await harness({ places: [{ region: 'West US' }, { region: 'eastus' }] });
    await driver.check();
    await driver.check();
    const usages = emulator.requests.filter(({ path }) => path.endsWith('/usages'));
    expect(usages.map(({ path }) => path.split('/').at(-2))).toEqual(['westus', 'eastus']);
  });

  test('tells a region that is none', async () => {
    const { driver } = await harness({ places: [{ region: 'atlantis' }] });
    await expect(driver.check()).rejects.toMatchObject(wrong('atlantis'));
  });

  test('warns of a quota that is less than what is configured', async () => {
    const { logger, lines } = recordingLogger();
    const { driver } = await harness({ places: [{ region: 'westus', runners: 101, cpu: 50 }], logger });
    await driver.check();
    expect(lines).toEqual([expect.stringMatching(/quota ContainerGroups of westus is 100, less than the 101/)]);
  });

  test.each([
    [401, 'InvalidAuthenticationToken', 'token'],
    [403, 'AuthorizationFailed', 'Azure Container Instances Contributor Role'],
    [404, 'ResourceGroupNotFound', 'resource group'],
  ])('says how to mend %i %s', async (status, code, text) => {
    const { driver } = await harness({ connection: await answering(status, code) });
    await expect(driver.check()).rejects.toMatchObject(wrong(text));
  });

  test('takes an identity that may not see the quota of the subscription', async () => {
    const { logger, lines } = recordingLogger();
    const { driver } = await harness({ connection: await answering(403, 'AuthorizationFailed', '/usages'), logger });
    await driver.check();
    expect(lines).toEqual([expect.stringContaining('assign the role Reader')]);
  });

  test('tells a runner script that is missing', async () => {
    const { driver } = await harness({ runnerScript: '/nonexistent/script-runner.sh' });
    await expect(driver.check()).rejects.toMatchObject(wrong('/nonexistent/script-runner.sh'));
  });
});

describe('a group that is not to be seen', () => {
  test.each([
    [404, 'ResourceGroupNotFound'],
    [403, 'AuthorizationFailed'],
    [429, 'TooManyRequests'],
  ])('is not taken for one that is gone: %i %s', async (status, code) => {
    const { driver } = await harness({ connection: await answering(status, code) });
    await expect(driver.observe('any')).rejects.toMatchObject({ code: 'platformUnavailable' });
    await expect(driver.remove('any')).rejects.toMatchObject({ code: 'platformUnavailable' });
  });
});

describe('the connection', () => {
  test('brings a token over https, to a service whose certificate is trusted', async () => {
    const { emulator, options } = await harness({}, { tls: true });
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
    const connection = { credential, endpoint: emulator.url, ca: emulator.ca };
    await azureContainerInstances({ ...options, connection }).check();
    const refused = { ...connection, credential: { getToken: async () => ({ token: 'x', expiresOnTimestamp: 0 }) } };
    await expect(azureContainerInstances({ ...options, connection: refused }).check()).rejects.toMatchObject({
      code: 'invalidConfiguration',
    });
  });

  test('without a token leaves everything open, whatever status the refusal of the token has', async () => {
    const made = await harness({}, { tls: true });
    const refusal = Object.assign(new Error('invalid_client'), { name: 'AuthenticationError', statusCode: 400 });
    const credential = { getToken: () => Promise.reject(refusal) };
    const connection = { credential, endpoint: made.emulator.url, ca: made.emulator.ca };
    const driver = azureContainerInstances({ ...made.options, connection });
    await expect(driver.create(await made.prepare(''))).rejects.toMatchObject({
      code: 'platformUnavailable',
      message: expect.stringContaining('az account get-access-token'),
    });
  });

  test('tells how many requests are left', async () => {
    const limits: AzureRateLimit[] = [];
    const made = await harness({ onRateLimit: (limit) => limits.push(limit) });
    await made.driver.create(await made.prepare(''));
    const limit = 'subscription-resource-requests-pt5m';
    expect(limits).toContainEqual({ method: 'PUT', limit, remaining: 99 });
  });
});

describe('the options', () => {
  const base: AzureContainerInstancesOptions = {
    subscriptionId,
    resourceGroup,
    connection: { endpoint: 'http://127.0.0.1:9', allowInsecure: true },
    places: [{ region: 'West US' }],
    identities: [],
    registries: [],
    runnerScript: '/nonexistent',
    clock: { now: () => 0, monotonic: () => 0, sleep: async () => undefined, after: () => () => undefined },
    logger: recordingLogger().logger,
  };

  test('have the quotas and rates of a new subscription, unless others are given', () => {
    const { capabilities } = azureContainerInstances({
      ...base,
      places: [{ region: 'West US' }, { region: 'eastus', runners: 5, cpu: 10, creates: [], removals: [] }],
    });
    const rates = [
      { count: 300, perMs: 3_600_000 },
      { count: 100, perMs: 300_000 },
    ];
    expect(capabilities.places).toEqual([
      { name: 'westus', runners: 100, cpu: 100, creates: rates, removals: rates },
      { name: 'eastus', runners: 5, cpu: 10, creates: [], removals: [] },
    ]);
  });

  test.each<[string, Changes]>([
    ['identity', { identities: ['mine'] }],
    ['identity', { defaultIdentity: 'mine' }],
    ['identity', { registries: [{ server: 'x.azurecr.io', identity: 'mine' }] }],
    ['name', { containerNamePrefix: '-Task' }],
    ['region', { places: [{ region: 'west/us' }] }],
    ['tag', { tags: { 'errand-run': 'x' } }],
    ['tag', { tags: { 'a/b': 'x' } }],
  ])('are refused at once where they make every create fail: %s of %j', (text, changes) => {
    expect(() => azureContainerInstances({ ...base, ...changes })).toThrow(
      expect.objectContaining({ code: 'invalidConfiguration', message: expect.stringContaining(text) }),
    );
  });
});
