import { createHmac } from 'node:crypto';

/**
 * The header `webhook-signature`: one signature for each secret, so that a receiver may know either while they are rotated. HMAC-SHA-256 over id, time and body.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function webhookSignature(
  secrets: readonly string[],
  { id, timestamp, body }: { id: string; timestamp: number; body: string },
): string {
  return secrets
    .map((secret) => createHmac('sha256', Buffer.from(secret.replace(/^whsec_/, ''), 'base64')))
    .map((mac) => `v1,${mac.update(`${id}.${timestamp}.${body}`).digest('base64')}`)
    .join(' ');
}
