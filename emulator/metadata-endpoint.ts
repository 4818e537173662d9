import type { IncomingMessage, ServerResponse } from 'node:http';

import type { EmulatorClock } from './clock.ts';
import type { Random } from './random.ts';

/** An identity as the metadata endpoint knows it. */
export interface IssuedIdentity {
  /** Resource id; undefined for the group's own (system-assigned) identity. */
  readonly id: string | undefined;
  readonly clientId: string;
  readonly principalId: string;
  readonly tenantId: string;
}

/** Answers one request that came from inside the group. */
export type MetadataEndpoint = (request: IncomingMessage, response: ServerResponse) => void;

const tokenSeconds = 86_400;

function choose(identities: readonly IssuedIdentity[], query: URLSearchParams): IssuedIdentity | string {
  const wanted = {
    client: query.get('client_id'),
    object: query.get('object_id') ?? query.get('principal_id'),
    resource: query.get('mi_res_id') ?? query.get('msi_res_id'),
  };
  if (wanted.client === null && wanted.object === null && wanted.resource === null) {
    const own = identities.find(({ id }) => id === undefined);
    const only = own ?? (identities.length === 1 ? identities[0] : undefined);
    return (
      only ??
      'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request'
    );
  }
  const found = identities.find(
    ({ id, clientId, principalId }) =>
      clientId === wanted.client ||
      principalId === wanted.object ||
      (id !== undefined && id.toLowerCase() === wanted.resource?.toLowerCase()),
  );
  return found ?? 'Identity not found';
}

/** The token endpoint of Azure's instance metadata service, with tokens that only have the shape of real ones. */
export function metadataEndpoint(
  identities: readonly IssuedIdentity[],
  { clock, random }: { clock: EmulatorClock; random: Random },
): MetadataEndpoint {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  function token(identity: IssuedIdentity, resource: string): object {
    const issued = Math.floor(clock.now() / 1000);
    const claims = {
      aud: resource,
      iss: `https://sts.windows.net/${identity.tenantId}/`,
      iat: issued,
      nbf: issued,
      exp: issued + tokenSeconds,
      appid: identity.clientId,
      oid: identity.principalId,
      sub: identity.principalId,
      tid: identity.tenantId,
      ...(identity.id === undefined ? {} : { xms_mirid: identity.id }),
    };
    const parts = [encode({ typ: 'JWT', alg: 'RS256', kid: 'emulator' }), encode(claims)];
    return {
      access_token: [...parts, Buffer.from(random.hex(64), 'hex').toString('base64url')].join('.'),
      client_id: identity.clientId,
      expires_in: String(tokenSeconds),
      expires_on: String(issued + tokenSeconds),
      ext_expires_in: String(tokenSeconds),
      not_before: String(issued),
      resource,
      token_type: 'Bearer',
    };
  }

  return (request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
    };
    const refuse = (error: string, description: string): void => answer(400, { error, error_description: description });

    const url = new URL(request.url ?? '/', 'http://169.254.169.254');
    if (
      request.headers['metadata']?.toString().toLowerCase() !== 'true' ||
      request.headers['x-forwarded-for'] !== undefined
    )
      return refuse('invalid_request', 'Required metadata header not specified');
    if (url.pathname !== '/metadata/identity/oauth2/token') return answer(404, { error: 'Not found' });
    if (request.method !== 'GET') return answer(405, { error: 'Method not allowed' });
    const resource = url.searchParams.get('resource');
    if (url.searchParams.get('api-version') === null)
      return refuse('invalid_request', 'Required query variable api-version is missing');
    if (resource === null || resource === '')
      return refuse('invalid_resource', 'Required query variable resource is missing');
    const identity = choose(identities, url.searchParams);
    if (typeof identity === 'string') return refuse('invalid_request', identity);
    return answer(200, token(identity, resource));
  };
}
