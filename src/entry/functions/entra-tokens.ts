import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { ErrandError } from '../../contract/errors.ts';
import { scopes } from '../../contract/routes.ts';
import type { Principal } from '../../http/api-keys.ts';
import type { EntraConfig } from '../azure-config.ts';

/** The longest token that is looked at; Entra ID's own have some 2,000 characters. */
const longestToken = 16 * 1024;
const toleranceSeconds = 60;
/** Keys that were once fetched are good for so long, whatever becomes of the place they came from. */
const keysMs = 24 * 3_600_000;
/** A token with an unknown key makes us look for new keys, but not more often than this. */
const cooldownMs = 30_000;
const fetchMs = 5_000;

/**
 * Access tokens of Entra ID, versions 1.0 and 2.0: signature (RS256 alone), issuer, audience, time, tenant, client; then what the token's roles and
 * delegated scopes say is what its bearer may do. An ID token is none: it has no client. Source: https://learn.microsoft.com/entra/identity-platform/claims-validation
 */
export function entraTokens(
  config: EntraConfig,
  keySet: JWTVerifyGetKey = createRemoteJWKSet(new URL(config.jwksUrl), {
    cacheMaxAge: keysMs,
    cooldownDuration: cooldownMs,
    timeoutDuration: fetchMs,
  }),
): { find(token: string, now: number): Promise<Principal | undefined> } {
  const { tenantId, audience, clients } = config;
  const issuers = {
    '1.0': `https://sts.windows.net/${tenantId}/`,
    '2.0': `https://login.microsoftonline.com/${tenantId}/v2.0`,
  };

  return {
    find: async (token, now) => {
      if (token === '' || token.length > longestToken) return undefined;
      try {
        const { payload } = await jwtVerify(token, keySet, {
          algorithms: ['RS256'],
          issuer: Object.values(issuers),
          audience,
          requiredClaims: ['exp', 'tid', 'oid', 'ver'],
          clockTolerance: toleranceSeconds,
          currentDate: new Date(now),
        });
        return principalOf(payload);
      } catch (error) {
        if (!isOfTheToken(error))
          throw new ErrandError(
            'platformUnavailable',
            `the keys that Entra ID signs with cannot be read at ${config.jwksUrl}: try again in a moment`,
            { cause: error },
          );
        return undefined;
      }
    },
  };

  function principalOf(payload: JWTPayload): Principal | undefined {
    const { tid, oid, ver, iss, azp, appid, roles, scp } = payload;
    const client = azp ?? appid;
    if (tid !== tenantId || typeof oid !== 'string' || typeof client !== 'string') return undefined;
    if (ver !== '1.0' && ver !== '2.0') return undefined;
    if (iss !== issuers[ver] || (clients !== undefined && !clients.includes(client))) return undefined;
    const given = new Set([
      ...(Array.isArray(roles) ? roles : []),
      ...(typeof scp === 'string' ? scp.split(' ') : []),
    ] as unknown[]);
    return { name: `entra:${oid}`, scopes: scopes.filter((scope) => given.has(scope)) };
  }
}

/** Whatever else fails is a failure of the place that the keys are at. */
function isOfTheToken(error: unknown): boolean {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid)
  );
}
