import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { registryLogin, type RegistryLogin } from '../../src/runners/docker-registry-login.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('the login for a registry', () => {
  let directory = '';
  const path = process.env['PATH'];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-login-'));
    await mkdir(join(directory, 'bin'));
    process.env['PATH'] = `${join(directory, 'bin')}:${path}`;
  });
  afterEach(async () => {
    process.env['PATH'] = path;
    await rm(directory, { recursive: true });
  });

  async function login(host: string, config?: unknown): Promise<RegistryLogin> {
    if (config !== undefined)
      await writeFile(join(directory, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
    return registryLogin(host, { configDirectory: directory, clock: systemClock, logger: silentLogger });
  }

  /** A credential helper, which gets the server's name on its standard input. */
  async function helper(name: string, lines: string): Promise<void> {
    await writeFile(join(directory, 'bin', `docker-credential-${name}`), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  }

  test('is none where there is no configuration', async () => {
    expect(await login('registry.test')).toEqual({});
    expect(
      await registryLogin('registry.test', { configDirectory: undefined, clock: systemClock, logger: silentLogger }),
    ).toEqual({});
  });

  test.each(['registry.test:5000', 'https://registry.test:5000', 'https://registry.test:5000/v1/'])(
    'is found in the file under %s',
    async (key) => {
      const { auth } = await login('registry.test:5000', {
        auths: { 'other.test': { auth: base64('x:y') }, [key]: { auth: base64('ann:se:cret') } },
      });
      expect(auth).toEqual({ username: 'ann', password: 'se:cret', serveraddress: 'registry.test:5000' });
    },
  );

  test('of Docker Hub has an old name', async () => {
    const { auth } = await login('docker.io', {
      auths: { 'https://index.docker.io/v1/': { auth: base64('ann:hub') } },
    });
    expect(auth).toMatchObject({ username: 'ann', password: 'hub', serveraddress: 'https://index.docker.io/v1/' });
  });

  test('may be a token', async () => {
    const { auth } = await login('registry.test', {
      auths: { 'registry.test': { auth: base64('x:'), identitytoken: 'token' } },
    });
    expect(auth).toEqual({ identitytoken: 'token', serveraddress: 'registry.test' });
  });

  test('comes from the helper of the registry before the store of all, and before the file', async () => {
    await helper(
      'one',
      'read -r server; printf \'{"ServerURL":"%s","Username":"for-%s","Secret":"s"}\' "$server" "$server"',
    );
    await helper('all', 'printf \'{"Username":"<token>","Secret":"t"}\'');
    const config = {
      credHelpers: { 'registry.test': 'one' },
      credsStore: 'all',
      auths: { 'registry.test': { auth: base64('file:f') } },
    };
    expect((await login('registry.test', config)).auth).toMatchObject({ username: 'for-registry.test', password: 's' });
    expect((await login('other.test', config)).auth).toEqual({ identitytoken: 't', serveraddress: 'other.test' });
  });

  test('is none where the helper has none', async () => {
    await helper('all', 'echo "credentials not found in native keychain"; exit 1');
    expect(await login('registry.test', { credsStore: 'all' })).toEqual({});
  });

  test.each([
    ['no such helper', { credsStore: 'missing' }, 'docker-credential-missing is not on the PATH'],
    ['a helper that fails', { credsStore: 'broken' }, 'docker-credential-broken ended with exit code 3'],
    ['a helper that is a path', { credsStore: '../bin/x' }, 'is not the name of a credential helper'],
    ['a file that is no JSON', '{', 'cannot be used'],
    [
      'an auth that is no login',
      { auths: { 'registry.test': { auth: base64('nocolon') } } },
      'is not user:password in base64',
    ],
  ])('%s is a problem to tell of, not an end', async (_name, config, problem) => {
    await helper('broken', 'exit 3');
    const answer = await login('registry.test', config);
    expect(answer.auth).toBeUndefined();
    expect(answer.problem).toContain(problem);
  });
});
