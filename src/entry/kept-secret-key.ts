import { randomBytes } from 'node:crypto';
import { ErrandError } from '../contract/errors.ts';
import type { Storage } from '../core/ports/storage.ts';

/** No run has this id: nothing removes what is stored in its name. */
const nobody = '00000000000000000000000000';

/**
 * The key that seals secret values, made by whoever needs it first and kept in storage for all. It protects from those who see single records;
 * whoever can read the whole storage reads it, too: ERRAND_SECRET_KEY keeps it elsewhere.
 */
export async function keptSecretKey(storage: Pick<Storage, 'claimKey' | 'getKey'>): Promise<Uint8Array> {
  const key = 'errand-secret-key';
  const kept =
    (await storage.getKey(key)) ??
    (await storage.claimKey({ key, requestHash: randomBytes(32).toString('base64'), runId: nobody }));
  const bytes = Buffer.from(kept.requestHash, 'base64');
  if (bytes.length === 32) return bytes;
  throw new ErrandError(
    'storageCorrupt',
    'the key that seals secrets was changed in storage: set ERRAND_SECRET_KEY to one of your own ("openssl rand -base64 32"); what was sealed with the other is lost',
  );
}
