import { ArmError } from './arm-error.ts';

function isObject(part: string): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

/** Throws unless the header carries what looks like a token of Entra ID: three parts, the first two JSON. Nobody's signature is checked. */
export function checkBearer(header: string | undefined): void {
  const challenge = { 'www-authenticate': 'Bearer authorization_uri="https://login.microsoftonline.com/common"' };
  if (header === undefined) {
    throw new ArmError(
      401,
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing.",
      challenge,
    );
  }
  const [scheme = '', token = ''] = header.split(' ');
  const parts = token.split('.');
  const wellFormed = parts.length === 3 && parts.every((part) => /^[\w-]+$/.test(part));
  if (scheme.toLowerCase() !== 'bearer' || !wellFormed || !parts.slice(0, 2).every(isObject))
    throw new ArmError(401, 'InvalidAuthenticationToken', 'The access token is invalid.', challenge);
}
