/**
 * The signature of an address (`sig` among its parameters), also where the address is escaped in JSON, HTML or another address. Random bytes in base64 may end
 * in "sig=" as well; they have no separator before it.
 */
export const signature = /(?:[?&;]|u0026|%26|%3F)sig(?:=|%3D)/i;

/** The values of the signatures in these addresses, as they are written there. What others on this machine do meanwhile has other ones. */
export function signaturesIn(addresses: Readonly<Record<string, string>>): string[] {
  return Object.values(addresses).flatMap((text) =>
    [...text.matchAll(/[?&]sig=([^&\s]+)/g)].map(([, value = '']) => value),
  );
}
