import type { TokenCredential } from '@azure/identity';
import type { AzureConfig } from '../azure-config.ts';
import { armAddress } from './arm-address.ts';
import { fail, messageOf, ok, type Said, type Step } from './finding.ts';

export const identityName = 'identity';

const mend =
  'On Azure, give the app a managed identity, and name it in ERRAND_CLIENT_ID where there are several. On your machine: "az login".';
const longestReason = 600;

/** Who asks for storage and containers, and that there are tokens for it. */
export function identityStep(config: AzureConfig, credential: TokenCredential): Step {
  const { account } = config.storage;
  const wanted = [
    ...('blobs' in account ? [{ what: 'storage', scope: 'https://storage.azure.com/.default' }] : []),
    ...(asksArm(config) ? [{ what: 'Resource Manager', scope: `${armAddress(config)}/.default` }] : []),
  ];
  return {
    name: identityName,
    look: async (signal) => {
      const said: Said[] = 'blobs' in account ? [] : [ok('storage is reached with the key of its account')];
      for (const { what, scope } of wanted) said.push(await tokenSaid(credential, what, scope, signal));
      return said;
    },
  };
}

/** An emulator on plain http is asked without a token. */
function asksArm({ driver, armEndpoint }: AzureConfig): boolean {
  return driver === 'azure-container-instances' && armEndpoint?.startsWith('http:') !== true;
}

async function tokenSaid(credential: TokenCredential, what: string, scope: string, signal: AbortSignal): Promise<Said> {
  try {
    const got = await credential.getToken(scope, { abortSignal: signal });
    return got === null ? fail(`there is no token for ${what}`, mend) : ok(`${what} is asked as ${bearer(got.token)}`);
  } catch (error) {
    const lines = messageOf(error)
      .split('\n')
      .flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
    return fail(`there is no token for ${what}: ${lines.join(' ').slice(0, longestReason)}`, mend);
  }
}

/** Who a token is of, from its claims. Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference */
function bearer(token: string): string {
  let claims: Record<string, unknown>;
  try {
    claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
  } catch {
    // Tokens are for those who check them: that this one tells us nothing is no failure.
    return 'somebody whom the token does not name';
  }
  const parts: readonly (readonly [label: string, claim: unknown])[] = [
    ['', claims['upn'] ?? claims['xms_mirid'] ?? claims['appid'] ?? claims['azp']],
    ['object id ', claims['oid']],
    ['tenant ', claims['tid']],
  ];
  const said = parts.flatMap(([label, claim]) => (typeof claim === 'string' ? [`${label}${claim}`] : []));
  return said.length === 0 ? 'somebody whom the token does not name' : said.join(', ');
}
