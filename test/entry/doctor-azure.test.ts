import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { QueueClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/server.ts';
import { instant } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { azureConfig } from '../../src/entry/azure-config.ts';
import { composeAzure } from '../../src/entry/compose-azure.ts';
import { newApiKey } from '../../src/http/api-keys.ts';
import { sampleRun } from '../../src/testing/sample-run.ts';
import { azuriteKey, startAzurite, type Azurite, type AzuriteWithTokens } from '../support/azurite.ts';
import { doctor, scratch } from './support/doctor.ts';
import { listen } from '../support/listen.ts';

let azurite: Azurite;
let emulator: Emulator;
let prefixes = 0;

beforeAll(async () => {
  azurite = await startAzurite();
  emulator = await startEmulator();
});
afterAll(async () => {
  await emulator.close();
  await azurite.stop();
});

/** Settings with queue and tables of their own. */
function settings(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  prefixes += 1;
  return {
    ERRAND_STORAGE_CONNECTION_STRING: azurite.connectionString,
    ERRAND_TABLE_PREFIX: `doctor${prefixes}`,
    ERRAND_QUEUE: `doctor-${prefixes}`,
    ERRAND_SUBSCRIPTION_ID: '00000000-0000-4000-8000-000000000000',
    ERRAND_RESOURCE_GROUP: 'runs',
    ERRAND_ARM_ENDPOINT: emulator.url,
    ERRAND_REGIONS: 'westus,eastus',
    ...changes,
  };
}

async function answering(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  const port = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

async function composed(env: Readonly<Record<string, string>>) {
  const errand = await composeAzure(azureConfig(env), { logger: silentLogger });
  onTestFinished(errand.close);
  return errand;
}

async function putAside(env: Readonly<Record<string, string>>, text: string): Promise<void> {
  const queue = new QueueClient(azurite.connectionString, `${env['ERRAND_QUEUE']}-poison`);
  await queue.createIfNotExists();
  await queue.sendMessage(text);
}

describe('what is sound', () => {
  test('each step says so, and no message stays in the queue and no key in the tables', async () => {
    const env = settings();
    const report = await doctor(await scratch(), env);
    expect(report).toMatchObject({ code: 0, stderr: '' });
    expect(report.lines.map(({ level, step }) => `${level} ${step}`)).toEqual([
      'ok configuration',
      'ok API keys',
      'ok identity',
      'ok Blob storage',
      'ok Table storage',
      'ok Queue storage',
      'ok poison messages',
      'ok open runs',
      'ok webhooks',
      'ok secret key',
      'ok resource group',
      'ok region westus',
      'ok region eastus',
      'ok clock',
    ]);
    expect(report.of('region westus')[0]?.what).toBe('ContainerGroups 0 of 100, StandardCores 0 of 100');
    expect(report.stdout).not.toContain(azuriteKey);
    const queue = new QueueClient(azurite.connectionString, env['ERRAND_QUEUE'] ?? '');
    expect((await queue.getProperties()).approximateMessagesCount).toBe(0);
    const { context } = await composed({ ...env, ERRAND_SECRET_KEY: Buffer.alloc(32).toString('base64') });
    expect(await context.storage.getKey('errand-secret-key')).toBeUndefined();
  });

  test('--azure looks at Azure where nothing is set, and names what is missing', async () => {
    const report = await doctor(await scratch(), {}, ['--azure']);
    expect(report.code).toBe(1);
    expect(report.lines).toMatchObject([{ level: 'fail', step: 'configuration' }]);
    for (const name of ['ERRAND_STORAGE_ACCOUNT', 'ERRAND_SUBSCRIPTION_ID', 'ERRAND_RESOURCE_GROUP'])
      expect(report.lines[0]?.what).toContain(name);
  });
});

describe('storage', () => {
  test('poison messages are counted, with why, here and in readiness', async () => {
    const env = settings();
    await putAside(env, 'no message of ours');
    const report = await doctor(await scratch(), env);
    expect(report.code).toBe(0);
    expect(report.of('poison messages')).toMatchObject([
      {
        level: 'warn',
        what: expect.stringMatching(/about 1 in .*no JSON object/),
        mend: expect.stringContaining('clear'),
      },
    ]);
    expect(await (await composed(env)).orchestrator.ready()).toEqual({ poisonMessages: 1 });
  });

  test('readiness fails where the queue cannot be used, though all else can', async () => {
    const nowhere = azurite.connectionString.replace(azurite.queueUrl, 'http://127.0.0.1:1/devstoreaccount1');
    const errand = await composed(settings({ ERRAND_STORAGE_CONNECTION_STRING: nowhere }));
    await expect(errand.orchestrator.ready()).rejects.toMatchObject({ code: 'storageUnavailable' });
  });

  test('a service that refuses fails, with the role that may be missing; the key is not shown; and what needs them is left out', async () => {
    const wrong = Buffer.alloc(64, 1).toString('base64');
    const connection = azurite.connectionString.replace(azuriteKey, wrong);
    const report = await doctor(await scratch(), settings({ ERRAND_STORAGE_CONNECTION_STRING: connection }));
    expect(report.code).toBe(1);
    for (const step of ['Blob storage', 'Table storage', 'Queue storage'])
      expect(report.of(step)).toMatchObject([
        { level: 'fail', what: expect.stringMatching(/refuse.*403.* role Storage .* Data /) },
      ]);
    for (const step of ['poison messages', 'open runs']) expect(report.of(step)).toMatchObject([{ level: 'warn' }]);
    expect(report.stdout).not.toContain(wrong);
  });

  test('a service that nobody serves fails alone', async () => {
    const connection = azurite.connectionString.replace(azurite.queueUrl, 'http://127.0.0.1:1/devstoreaccount1');
    const report = await doctor(await scratch(), settings({ ERRAND_STORAGE_CONNECTION_STRING: connection }));
    expect(report.lines.filter(({ level }) => level === 'fail')).toMatchObject([
      { step: 'Queue storage', what: expect.stringContaining('cannot be reached') },
    ]);
  });

  test('runs that nobody looks at are named', async () => {
    const env = settings();
    const { context } = await composed(env);
    const wakeAt = instant(Date.now() - 2 * 3_600_000);
    await context.storage.createRun(sampleRun(1, { wakeAt }));
    const report = await doctor(await scratch(), env);
    expect(report.of('open runs')).toMatchObject([{ level: 'warn', what: expect.stringContaining(sampleRun(1).id) }]);
  });
});

describe('container groups', () => {
  test('a region that is none fails, and the others are looked at', async () => {
    const report = await doctor(await scratch(), settings({ ERRAND_REGIONS: 'atlantis,westus' }));
    expect(report.code).toBe(1);
    expect(report.of('region atlantis')).toMatchObject([{ level: 'fail', what: expect.stringContaining('atlantis') }]);
    expect(report.of('region westus')).toMatchObject([{ level: 'ok' }]);
  });

  test('a quota that is less than what is configured, or nearly used up, warns', async () => {
    const more = await doctor(await scratch(), settings({ ERRAND_REGIONS: 'westus:200:100' }));
    expect(more.of('region westus').at(-1)).toMatchObject({ level: 'warn', what: expect.stringContaining('200') });
    const used = await answering((request, response) => {
      const usage = (value: string) => ({ name: { value }, currentValue: 95, limit: 100, unit: 'Count' });
      const isUsages = request.url?.includes('/usages') === true;
      const value = isUsages ? [usage('ContainerGroups'), usage('StandardCores')] : [];
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ value }));
    });
    const full = await doctor(await scratch(), settings({ ERRAND_ARM_ENDPOINT: used, ERRAND_REGIONS: 'westus' }));
    expect(full.of('region westus')).toMatchObject([
      { level: 'warn', what: 'ContainerGroups 95 of 100, StandardCores 95 of 100' },
    ]);
  });

  test('where a role is missing, it is named; regions need the group', async () => {
    const refusing = await answering((_, response) => {
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code: 'AuthorizationFailed', message: 'The client may not.' } }));
    });
    const report = await doctor(await scratch(), settings({ ERRAND_ARM_ENDPOINT: refusing }));
    expect(report.code).toBe(1);
    expect(report.of('resource group')).toMatchObject([
      { level: 'fail', what: expect.stringContaining('Azure Container Instances Contributor Role') },
    ]);
    expect(report.of('region westus')).toMatchObject([
      { level: 'warn', what: expect.stringContaining('not looked at') },
    ]);
  });

  test.each([
    [120_000, 0, 'warn'],
    [-1_200_000, 1, 'fail'],
  ])('a clock that is %i ms off ends with %i', async (offMs, code, level) => {
    const late = await answering((_, response) => {
      response.setHeader('date', new Date(Date.now() + offMs).toUTCString());
      response.setHeader('content-type', 'application/json').end('{"value":[]}');
    });
    const report = await doctor(await scratch(), settings({ ERRAND_ARM_ENDPOINT: late }));
    expect(report.code).toBe(code);
    expect(report.of('clock')).toMatchObject([{ level, what: expect.stringContaining('Resource Manager is') }]);
  });
});

describe('who is let in', () => {
  test('expired keys', async () => {
    const { entry } = newApiKey({ name: 'old', scopes: ['runs:read'], expiresAt: instant(Date.now() - 1000) });
    const report = await doctor(await scratch(), settings({ ERRAND_API_KEYS: JSON.stringify({ keys: [entry] }) }));
    expect(report.code).toBe(1);
    expect(report.of('API keys')).toMatchObject([{ level: 'fail', what: expect.stringContaining('old') }]);
  });

  test('nobody may be everybody', async () => {
    const report = await doctor(await scratch(), settings({ ERRAND_AUTH_LEVEL: 'anonymous' }));
    expect(report.of('API keys')).toMatchObject([{ level: 'fail', what: expect.stringContaining('everybody') }]);
  });

  test('the keys of the tenant', async () => {
    const jwks = await answering((request, response) => {
      response.end(request.url === '/keys' ? '{"keys":[{"kid":"1"}]}' : '{"keys":[]}');
    });
    const tenant = {
      ERRAND_ENTRA_TENANT_ID: '11111111-2222-4333-8444-555555555555',
      ERRAND_ENTRA_AUDIENCE: 'api://errand',
    };
    const good = await doctor(await scratch(), settings({ ...tenant, ERRAND_ENTRA_JWKS_URL: `${jwks}/keys` }));
    expect(good.of('API keys')).toMatchObject([{ level: 'ok' }]);
    const bad = await doctor(await scratch(), settings({ ...tenant, ERRAND_ENTRA_JWKS_URL: `${jwks}/other` }));
    expect(bad.of('API keys')).toMatchObject([{ level: 'fail', mend: expect.stringContaining('TENANT_ID') }]);
  });
});

describe('an identity', () => {
  let secure: AzuriteWithTokens;
  let secureEmulator: Emulator;
  beforeAll(async () => {
    secure = await startAzurite({ oauth: true });
    secureEmulator = await startEmulator({ tls: true });
  });
  afterAll(async () => {
    await secureEmulator.close();
    await secure.stop();
  });

  /** The token endpoint of an app's managed identity, as the platform tells it by variables. */
  async function withIdentity(status: number): Promise<Record<string, string>> {
    const endpoint = await answering((request, response) => {
      const resource = new URL(request.url ?? '', 'http://localhost').searchParams.get('resource') ?? '';
      const now = Math.floor(Date.now() / 1000);
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = {
        aud: resource,
        iss: 'https://sts.windows.net/00000000-0000-0000-0000-000000000001/',
        tid: '00000000-0000-0000-0000-000000000001',
        oid: '00000000-0000-0000-0000-000000000002',
        appid: '00000000-0000-0000-0000-00000000000a',
        iat: now - 60,
        nbf: now - 60,
        exp: now + 3_600,
      };
      const token = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${Buffer.from('x').toString('base64url')}`;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify(
          status === 200
            ? { access_token: token, expires_on: String(now + 3_600), resource, token_type: 'Bearer' }
            : { error: 'invalid_request', error_description: 'There is no such identity.' },
        ),
      );
    });
    const authorities = join(await scratch(), 'authorities.pem');
    await writeFile(authorities, `${await readFile(secure.caFile, 'utf8')}\n${secureEmulator.ca}`);
    const { ERRAND_STORAGE_CONNECTION_STRING: _, ...others } = settings({ ERRAND_ARM_ENDPOINT: secureEmulator.url });
    return {
      ...others,
      ERRAND_BLOB_ENDPOINT: secure.blobUrl,
      ERRAND_QUEUE_ENDPOINT: secure.queueUrl,
      ERRAND_TABLE_ENDPOINT: secure.tableUrl,
      IDENTITY_ENDPOINT: `${endpoint}/token`,
      IDENTITY_HEADER: 'header',
      // Nobody else is asked for a token, nor anybody outside this machine.
      AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential',
      NODE_EXTRA_CA_CERTS: authorities,
    };
  }

  test('is named, and all steps are taken with it', async () => {
    const report = await doctor(await scratch(), await withIdentity(200));
    expect(report.lines.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(report.of('identity').map(({ what }) => what)).toEqual([
      expect.stringMatching(/^storage is asked as .*00a, object id .*0002, tenant .*0001$/),
      expect.stringMatching(/^Resource Manager is asked as /),
    ]);
    expect(report.code).toBe(0);
  });

  test('that gets no token fails, says how to mend it, and nothing is asked without it', async () => {
    const report = await doctor(await scratch(), await withIdentity(400));
    expect(report.code).toBe(1);
    expect(report.of('identity')[0]).toMatchObject({ level: 'fail', mend: expect.stringContaining('az login') });
    expect(report.of('Blob storage')).toMatchObject([
      { level: 'warn', what: expect.stringContaining('not looked at') },
    ]);
  });
});
