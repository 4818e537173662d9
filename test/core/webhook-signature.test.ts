import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { webhookSecretPattern } from '../../src/contract/webhook.ts';
import { webhookSignature } from '../../src/core/webhook-signature.ts';

const secretOf = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`;

/** What a receiver makes of it: the independent package says yes, or why not. */
function verdict(secret: string, headers: Record<string, string>, body: string): string {
  try {
    new Webhook(secret).verify(body, headers);
    return 'genuine';
  } catch (error) {
    return String(error);
  }
}

describe('a signature', () => {
  const [old, fresh] = [secretOf(24), secretOf(64)];
  const now = Math.floor(Date.now() / 1000);
  const body = '{"type":"run.ended","data":{"taskName":"Tür"}}';
  const signed = (secrets: string[], timestamp = now, id = 'msg_1') => ({
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': webhookSignature(secrets, { id, timestamp, body }),
  });

  test('is what the package makes of the same message', () => {
    const theirs = new Webhook(old).sign('msg_1', new Date(now * 1000), body);
    expect(webhookSignature([old], { id: 'msg_1', timestamp: now, body })).toBe(theirs);
  });

  test('is taken with either secret while they are rotated, and with no other', () => {
    const headers = signed([old, fresh]);
    expect([old, fresh].map((secret) => verdict(secret, headers, body))).toEqual(['genuine', 'genuine']);
    expect(verdict(secretOf(32), headers, body)).toContain('No matching signature');
  });

  test('is of this body, this id and this time', () => {
    expect(verdict(old, signed([old]), body.replace('T', 'X'))).toContain('No matching signature');
    expect(verdict(old, { ...signed([old]), 'webhook-id': 'msg_2' }, body)).toContain('No matching signature');
    expect(verdict(old, { ...signed([old]), 'webhook-timestamp': String(now + 1) }, body)).toContain('No matching');
    expect(verdict(old, signed([old], now - 3_600), body)).toContain('too old');
  });
});

test.each([
  [23, false],
  [24, true],
  [32, true],
  [64, true],
  [65, false],
])('a secret of %i bytes: %s', (bytes, isSecret) => {
  expect(webhookSecretPattern.test(secretOf(bytes))).toBe(isSecret);
});
