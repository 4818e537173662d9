import { expect, test } from 'vitest';

import { apiKeyEntrySchema, apiKeys, newApiKey } from '../../src/http/api-keys.ts';

const now = Date.parse('2026-06-01T00:00:00Z');

test('a key opens, and its entry holds nothing that does', () => {
  const { key, entry } = newApiKey({ name: 'ci', scopes: ['runs:read'], tasks: ['A'] });
  expect(key).toMatch(/^errand_[a-f0-9]{16}_[a-f0-9]{64}$/);
  expect(apiKeyEntrySchema.parse(entry)).toEqual(entry);
  expect(JSON.stringify(entry)).not.toContain(key.split('_')[2]);
  expect(apiKeys([entry]).find(key, now)).toEqual({ name: 'ci', scopes: ['runs:read'], tasks: ['A'] });
});

test('two keys are never the same', () => {
  const made = Array.from({ length: 100 }, () => newApiKey({ name: 'a', scopes: ['runs:read'] }));
  expect(new Set(made.map(({ key }) => key)).size).toBe(100);
  expect(new Set(made.map(({ entry }) => entry.id)).size).toBe(100);
});

test('anything else opens nothing and breaks nothing, whatever its length', () => {
  const { key, entry } = newApiKey({ name: 'ci', scopes: ['runs:read'] });
  const other = newApiKey({ name: 'other', scopes: ['runs:read'] });
  const keys = apiKeys([entry, other.entry]);
  const secret = key.split('_')[2] ?? '';
  const wrong = [
    '',
    'e',
    'errand_',
    'errand__',
    key.slice(0, -1),
    `${key}0`,
    key.toUpperCase(),
    `errand_${other.entry.id}_${secret}`,
    `errand_${'0'.repeat(16)}_${secret}`,
    'x'.repeat(1_000_000),
    `${key}\0`,
  ];
  expect(wrong.filter((candidate) => keys.find(candidate, now) !== undefined)).toEqual([]);
  expect(keys.find(key, now)?.name).toBe('ci');
});

test('a key ends when it expires', () => {
  const { key, entry } = newApiKey({ name: 'ci', scopes: ['runs:read'], expiresAt: '2026-06-01T00:00:00.000Z' });
  expect(apiKeys([entry]).find(key, now - 1)?.name).toBe('ci');
  expect(apiKeys([entry]).find(key, now)).toBeUndefined();
});
