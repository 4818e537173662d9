import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ErrandError } from '../contract/errors.ts';
import type { SealedSecrets } from './run-record.ts';

/** Keeps secret values unreadable at rest, and hashes what must be compared later without being kept. */
export interface Sealer {
  seal(values: Readonly<Record<string, string>>, boundTo: string): SealedSecrets;
  /** Throws `secretUnavailable` where the key is another one, or the envelope was changed or moved to another record. */
  open(sealed: SealedSecrets, boundTo: string): Record<string, string>;
  /** HMAC-SHA-256 in hex. */
  mac(text: string): string;
}

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
/** NIST SP 800-38D: 96 bits, never twice under one key; drawn at random. */
const ivBytes = 12;

/** AES-256-GCM under a key of 32 bytes. `boundTo` (the run id) is authenticated, so that an envelope opens only where it belongs. */
export function sealer(key: Uint8Array): Sealer {
  if (key.byteLength !== keyBytes) {
    throw new ErrandError(
      'invalidConfiguration',
      `the key that seals secrets has ${key.byteLength} bytes; it must have ${keyBytes}: make one with "openssl rand -base64 32"`,
    );
  }
  const sealingKey = derive(key, 'errand seal');
  const macKey = derive(key, 'errand mac');
  const keyId = createHash('sha256').update(sealingKey).digest('hex').slice(0, 16);
  return {
    seal: (values, boundTo) => {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv(algorithm, sealingKey, iv).setAAD(Buffer.from(boundTo));
      const data = Buffer.concat([cipher.update(JSON.stringify(values), 'utf8'), cipher.final()]);
      return {
        keyId,
        iv: iv.toString('base64'),
        tag: cipher.getAuthTag().toString('base64'),
        data: data.toString('base64'),
      };
    },
    open: (sealed, boundTo) => {
      const held = Buffer.from(sealed.keyId);
      const own = Buffer.from(keyId);
      if (held.length !== own.length || !timingSafeEqual(held, own)) {
        throw new ErrandError(
          'secretUnavailable',
          `the secrets of run ${boundTo} were sealed with another key: start Errand with the key that was in use when the run was accepted`,
        );
      }
      try {
        const decipher = createDecipheriv(algorithm, sealingKey, Buffer.from(sealed.iv, 'base64'), {
          authTagLength: 16,
        })
          .setAAD(Buffer.from(boundTo))
          .setAuthTag(Buffer.from(sealed.tag, 'base64'));
        const text = Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()]).toString(
          'utf8',
        );
        return Object.assign(Object.create(null) as Record<string, string>, JSON.parse(text));
      } catch (cause) {
        throw new ErrandError(
          'secretUnavailable',
          `the sealed secrets of run ${boundTo} are damaged: ask for the run again`,
          { cause },
        );
      }
    },
    mac: (text) => createHmac('sha256', macKey).update(text).digest('hex'),
  };
}

/** Separate keys for separate uses, from the one that people configure. */
function derive(key: Uint8Array, use: string): Buffer {
  return createHmac('sha256', key).update(use).digest();
}
