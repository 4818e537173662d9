import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';

import { exportJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { scopes } from '../../src/contract/routes.ts';
import { azureConfig } from '../../src/entry/azure-config.ts';
import { door } from '../../src/entry/functions/door.ts';
import { entraTokens } from '../../src/entry/functions/entra-tokens.ts';
import { newApiKey } from '../../src/http/api-keys.ts';
import { listen } from '../support/listen.ts';

const tenantId = '11111111-2222-4333-8444-555555555555';
const otherTenant = '99999999-2222-4333-8444-555555555555';
const audience = 'api://errand';
const client = 'aaaaaaaa-2222-4333-8444-555555555555';
const now = Date.now();
const seconds = Math.floor(now / 1000);
const trusted = generateKeyPairSync('rsa', { modulusLength: 2048 });
const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 });

let server: Server;
let jwksUrl: string;
let fetches = 0;
let isDown = false;

beforeAll(async () => {
  const jwk = { ...(await exportJWK(trusted.publicKey)), kid: 'k1', use: 'sig' };
  server = createServer((_, response) => {
    fetches += 1;
    if (isDown) response.destroy();
    else response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  });
  jwksUrl = `http://127.0.0.1:${await listen(server)}/keys`;
});
afterAll(() => void server.close());

const claims = {
  tid: tenantId,
  oid: 'someone',
  ver: '2.0',
  iss: `https://login.microsoftonline.com/${tenantId}/v2.0`,
  aud: audience,
  azp: client,
  roles: ['runs:create', 'runs:read', 'Other'],
  nbf: seconds - 60,
  exp: seconds + 600,
};

interface Signing {
  key?: KeyObject;
  kid?: string;
  alg?: string;
}

/** A token with these claims changed; undefined takes one out. */
async function token(changes: Record<string, unknown> = {}, signing: Signing = {}): Promise<string> {
  const { key = trusted.privateKey, kid = 'k1', alg = 'RS256' } = signing;
  const payload = Object.fromEntries(
    Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined),
  );
  return new SignJWT(payload).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(key);
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function unsigned(): string {
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

/** Signed with the public key as if it were a secret. */
function confused(): string {
  const text = `${part({ alg: 'HS256', kid: 'k1', typ: 'JWT' })}.${part(claims)}`;
  const pem = trusted.publicKey.export({ type: 'spki', format: 'pem' });
  return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
}

const config = (more: object = {}) => ({ tenantId, audience, jwksUrl, clients: undefined, ...more });

describe('tokens of Entra ID', () => {
  test('what its roles say is what the bearer may do', async () => {
    const tokens = entraTokens(config());
    expect(await tokens.find(await token(), now)).toEqual({
      name: 'entra:someone',
      scopes: ['runs:create', 'runs:read'],
    });
    const version1 = { ver: '1.0', iss: `https://sts.windows.net/${tenantId}/`, azp: undefined, appid: client };
    expect(await tokens.find(await token(version1), now)).toMatchObject({ name: 'entra:someone' });
    const delegated = { roles: undefined, scp: 'tasks:read profile' };
    expect(await tokens.find(await token(delegated), now)).toMatchObject({ scopes: ['tasks:read'] });
    expect(await tokens.find(await token({ roles: undefined }), now)).toMatchObject({ scopes: [] });
  });

  const refused: readonly (readonly [name: string, make: () => Promise<string>])[] = [
    ['nothing', async () => ''],
    ['no token', async () => 'no.token.at-all'],
    ['one without signature', async () => unsigned()],
    ['HS256 with the public key as its secret', async () => confused()],
    ['RS512', () => token({}, { alg: 'RS512' })],
    ['another audience', () => token({ aud: 'api://other' })],
    ['another issuer', () => token({ iss: 'https://login.example/v2.0' })],
    ['the issuer of the other version', () => token({ iss: `https://sts.windows.net/${tenantId}/` })],
    ['another tenant', () => token({ tid: otherTenant })],
    ['an expired one', () => token({ exp: seconds - 120 })],
    ['one of the future', () => token({ nbf: seconds + 120 })],
    ['one that never expires', () => token({ exp: undefined })],
    ['one without tenant', () => token({ tid: undefined })],
    ['an unknown key', () => token({}, { kid: 'k2', key: foreign.privateKey })],
    ['a foreign key under a known name', () => token({}, { key: foreign.privateKey })],
    ['an ID token, which names no client', () => token({ azp: undefined, nonce: 'n' })],
    ['one of 100 KB', () => token({ groups: 'x'.repeat(100_000) })],
  ];
  test.each(refused)('refused: %s', async (_, make) => {
    expect(await entraTokens(config()).find(await make(), now)).toBeUndefined();
  });

  test('only listed clients, where there is a list', async () => {
    const shown = await token();
    expect(await entraTokens(config({ clients: [client] })).find(shown, now)).toBeDefined();
    expect(await entraTokens(config({ clients: ['another'] })).find(shown, now)).toBeUndefined();
  });

  test('keys that were fetched do while their place is down; nothing is fetched for each unknown key', async () => {
    const tokens = entraTokens(config());
    await tokens.find(await token(), now);
    const before = fetches;
    isDown = true;
    try {
      expect(await tokens.find(await token(), now)).toBeDefined();
      for (let flood = 0; flood < 20; flood += 1)
        expect(await tokens.find(await token({}, { kid: `k${flood + 2}` }), now)).toBeUndefined();
      expect(fetches - before).toBeLessThanOrEqual(1);
      await expect(entraTokens(config()).find(await token(), now)).rejects.toMatchObject({
        code: 'platformUnavailable',
      });
    } finally {
      isDown = false;
    }
  });
});

describe('the door', () => {
  const settings = {
    ERRAND_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true',
    ERRAND_SUBSCRIPTION_ID: tenantId,
    ERRAND_RESOURCE_GROUP: 'runs',
  };
  const open = async (more: Record<string, string>) => door(azureConfig({ ...settings, ...more }));

  test("whoever the host has let in may do what its key's scopes say", async () => {
    expect(await (await open({}))?.find('', now)).toMatchObject({ name: 'function-key', scopes });
    expect(await (await open({ ERRAND_FUNCTION_KEY_SCOPES: 'runs:create' }))?.find('', now)).toMatchObject({
      scopes: ['runs:create'],
    });
  });

  test('with keys of ours or Entra ID a key of the host is not enough', async () => {
    const { key, entry } = newApiKey({ name: 'ci', scopes: ['runs:read'] });
    const keys = await open({ ERRAND_API_KEYS: JSON.stringify({ keys: [entry] }) });
    expect(await keys?.find('', now)).toBeUndefined();
    expect(await keys?.find(key, now)).toMatchObject({ name: 'ci' });
    const both = await open({
      ERRAND_API_KEYS: JSON.stringify({ keys: [entry] }),
      ERRAND_ENTRA_TENANT_ID: tenantId,
      ERRAND_ENTRA_AUDIENCE: audience,
      ERRAND_ENTRA_JWKS_URL: jwksUrl,
    });
    expect(await both?.find(key, now)).toMatchObject({ name: 'ci' });
    expect(await both?.find(await token(), now)).toMatchObject({ name: 'entra:someone' });
    expect(await both?.find('', now)).toBeUndefined();
  });

  test('nobody leaves it open by mistake', async () => {
    await expect(open({ ERRAND_AUTH_LEVEL: 'anonymous' })).rejects.toThrow(/everybody could run tasks/);
    await expect(open({ ERRAND_API_KEYS: '{"keys":[{"secret":"s3cr3t"}]}' })).rejects.toThrow(
      /^ERRAND_API_KEYS is not the JSON of a file of keys/,
    );
    await expect(open({ ERRAND_FUNCTION_KEY_SCOPES: 'runs:all' })).rejects.toThrow(/there is no scope runs:all/);
    expect(await open({ ERRAND_AUTH_LEVEL: 'anonymous', AZURE_FUNCTIONS_ENVIRONMENT: 'Development' })).toBeUndefined();
  });
});
