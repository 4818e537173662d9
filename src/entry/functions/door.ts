import { ErrandError } from '../../contract/errors.ts';
import { apiKeys, apiKeysFileSchema, type ApiKeys, type Callers } from '../../http/api-keys.ts';
import type { AzureConfig } from '../azure-config.ts';

/**
 * Who is let in. With keys of ours or Entra ID, whoever shows one of them; without either, whoever the host has let in with a key of its own. On a
 * developer's machine without any, whoever is on this machine (undefined). Throws `invalidConfiguration` where everybody would be let in.
 */
export async function door(config: AzureConfig): Promise<Callers | undefined> {
  const keys = config.apiKeys === undefined ? undefined : readKeys(config.apiKeys);
  // Loaded for those who use it: a cold start is paid for by whoever waits.
  const tokens = config.entra === undefined ? undefined : (await import('./entra-tokens.ts')).entraTokens(config.entra);
  if (keys !== undefined || tokens !== undefined)
    return {
      find: (shown, now) => (shown.startsWith('errand_') ? keys?.find(shown, now) : tokens?.find(shown, now)),
    };
  if (config.authLevel === 'function') {
    const principal = { name: 'function-key', scopes: config.functionKeyScopes };
    return { find: () => principal };
  }
  if (config.development) return undefined;
  throw new ErrandError(
    'invalidConfiguration',
    'with ERRAND_AUTH_LEVEL=anonymous everybody could run tasks: set ERRAND_API_KEYS ("errand keys create" makes a key), or ERRAND_ENTRA_TENANT_ID and ERRAND_ENTRA_AUDIENCE, or leave the level at function',
  );
}

function readKeys(text: string): ApiKeys {
  try {
    return apiKeys(apiKeysFileSchema.parse(JSON.parse(text)).keys);
  } catch {
    // What a parser says may quote what it parsed.
    throw new ErrandError(
      'invalidConfiguration',
      'ERRAND_API_KEYS is not the JSON of a file of keys: "errand keys create" makes one; set its content',
    );
  }
}
