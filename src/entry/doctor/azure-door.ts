import type { Clock } from '../../core/clock.ts';
import type { AzureConfig } from '../azure-config.ts';
import { door } from '../functions/door.ts';
import { fail, messageOf, ok, type Said, type Step } from './finding.ts';
import { entriesSaid, readEntries } from './key-entries.ts';

/** Who is let in, and that those who are can be told. */
export function azureDoorStep(config: AzureConfig, clock: Clock): Step {
  return {
    name: 'API keys',
    look: async (signal) => {
      const { apiKeys, entra, authLevel } = config;
      const callers = await door(config);
      const said: Said[] = [];
      if (apiKeys !== undefined) said.push(...entriesSaid(readEntries(apiKeys) ?? [], clock.now()));
      if (entra !== undefined) said.push(await tenantSaid(entra.jwksUrl, signal));
      if (said.length > 0) return said;
      return [
        callers === undefined
          ? ok('none, so only this machine is served, for development')
          : ok(`none of ours: whoever has a key of the function app is let in (ERRAND_AUTH_LEVEL=${authLevel})`),
      ];
    },
  };
}

async function tenantSaid(url: string, signal: AbortSignal): Promise<Said> {
  const mend = 'Check ERRAND_ENTRA_TENANT_ID, and that this network lets requests out to it.';
  try {
    const response = await fetch(url, { signal });
    const { keys }: { keys?: unknown } = Object(await response.json());
    if (response.ok && Array.isArray(keys) && keys.length > 0)
      return ok(`tokens of Entra ID are taken; ${keys.length} keys of the tenant at ${url}`);
    return fail(`${url} has no keys of a tenant (status ${response.status})`, mend);
  } catch (error) {
    return fail(`the keys of the tenant cannot be had from ${url} (${messageOf(error)})`, mend);
  }
}
