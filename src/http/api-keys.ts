import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { taskNamePattern } from '../contract/names.ts';
import { scopes, type Scope } from '../contract/routes.ts';

/** What is kept of a key: nothing that the key could be made from. */
export const apiKeyEntrySchema = z.strictObject({
  id: z.string().regex(/^[a-f0-9]{16}$/),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/)
    .meta({ description: 'Who has it; recorded with every run' }),
  sha256: z
    .string()
    .regex(/^[a-f0-9]{64}$/)
    .meta({ description: 'Of the whole key, in hex' }),
  scopes: z.array(z.enum(scopes)).min(1),
  tasks: z.array(z.string().regex(taskNamePattern)).min(1).optional().meta({ description: 'The only tasks it is for' }),
  expiresAt: z.iso.datetime().optional(),
});

export type ApiKeyEntry = z.output<typeof apiKeyEntrySchema>;

/** The file of keys. */
export const apiKeysFileSchema = z.strictObject({ keys: z.array(apiKeyEntrySchema).max(10_000) });

/** Who asks. */
export interface Principal {
  name: string;
  scopes: readonly Scope[];
  /** The only tasks that exist for this principal; undefined where all do. */
  tasks?: readonly string[];
}

/** Who asks where no keys are configured. */
export const localPrincipal: Principal = { name: 'local', scopes };

/** Knows callers by what they show: an API key, or a token of somebody whom we trust. As {@link ApiKeys}, though it may have to ask elsewhere first. */
export interface Callers {
  find(shown: string, now: number): Principal | undefined | Promise<Principal | undefined>;
}

export interface ApiKeys {
  /** Undefined where the key is unknown, malformed or expired: callers cannot tell which. `now` in milliseconds since the epoch. */
  find(key: string, now: number): Principal | undefined;
}

/** What an unknown id is compared with, so that it takes the same path as a known one. */
const nobody = Buffer.alloc(32);

export function apiKeys(entries: readonly ApiKeyEntry[]): ApiKeys {
  const byId = new Map(entries.map((entry) => [entry.id, { entry, digest: Buffer.from(entry.sha256, 'hex') }]));
  return {
    find: (key, now) => {
      const found = byId.get(key.split('_', 2)[1] ?? '');
      const equal = timingSafeEqual(digestOf(key), found?.digest ?? nobody);
      if (!equal || found === undefined) return undefined;
      const { name, scopes: granted, tasks, expiresAt } = found.entry;
      if (expiresAt !== undefined && Date.parse(expiresAt) <= now) return undefined;
      return { name, scopes: granted, ...(tasks === undefined ? {} : { tasks }) };
    },
  };
}

/** A new key of 256 random bits. The key is shown once; the entry is what is kept. */
export function newApiKey(
  options: Pick<ApiKeyEntry, 'name' | 'scopes'> & Partial<Pick<ApiKeyEntry, 'tasks' | 'expiresAt'>>,
): { key: string; entry: ApiKeyEntry } {
  const id = randomBytes(8).toString('hex');
  const key = `errand_${id}_${randomBytes(32).toString('hex')}`;
  const entry = apiKeyEntrySchema.parse({ id, sha256: digestOf(key).toString('hex'), ...options });
  return { key, entry };
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
