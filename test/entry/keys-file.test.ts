import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { silentLogger } from '../../src/core/logger.ts';
import { callersOfFile, readKeysFile, writeKeysFile } from '../../src/entry/keys-file.ts';
import { newApiKey } from '../../src/http/api-keys.ts';

test('a key that was revoked while the file could not be read is refused once it can, and the log says it once', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'errand-keys-'));
  const file = join(directory, 'keys.json');
  const { key, entry } = newApiKey({ name: 'me', scopes: ['runs:read'] });
  await writeKeysFile(file, [entry]);
  let failures = 0;
  const logged: string[] = [];
  const logger = { ...silentLogger, error: (_: object, message: string) => void logged.push(message) };
  const callers = await callersOfFile(file, logger, async (path) => {
    if (failures === 0) return readKeysFile(path);
    failures -= 1;
    throw new Error('too many open files');
  });
  expect(await callers.find(key, 0)).toMatchObject({ name: 'me' });
  await writeKeysFile(file, []);
  failures = 2;
  expect([await callers.find(key, 0), await callers.find(key, 0)]).toMatchObject([{ name: 'me' }, { name: 'me' }]);
  expect(await callers.find(key, 0)).toBeUndefined();
  expect(logged).toHaveLength(1);
  await rm(directory, { recursive: true });
});
