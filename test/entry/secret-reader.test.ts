import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretReader } from '../../src/entry/secret-reader.ts';

describe('values that definitions name', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-secrets-'));
    await writeFile(join(directory, 'token'), 'first\nsecond\n');
  });
  afterAll(() => rm(directory, { recursive: true }));

  test('come from variables of the orchestrator', async () => {
    expect(await secretReader({ environment: { ERRAND_SECRET_X: 'value' } })('env:ERRAND_SECRET_X')).toBe('value');
  });

  test('come from files, without the newline that ends them', async () => {
    const read = secretReader({ environment: {}, directory });
    expect(await read('file:token')).toBe('first\nsecond');
    await writeFile(join(directory, 'token'), 'rotated');
    expect(await read('file:token')).toBe('rotated');
  });

  test.each([
    ['env:ERRAND_SECRET_MISSING', /ERRAND_SECRET_MISSING, which the orchestrator does not have/],
    ['env:toString', /toString, which/],
    ['file:missing', /file missing of the directory/],
  ])('%s is refused with what to do', async (reference, message) => {
    await expect(secretReader({ environment: {}, directory })(reference)).rejects.toThrow(message);
  });

  test('need a directory to come from files', async () => {
    await expect(secretReader({ environment: {} })('file:token')).rejects.toThrow(/ERRAND_SECRETS_DIR/);
  });
});
