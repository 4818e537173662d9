import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** One value in DER: tag, length, content (X.690). */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const digits = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length), digits, body]);
}

const sequence = (...items: readonly Buffer[]): Buffer => der(0x30, ...items);
const objectId = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const ids = {
  ecdsaWithSha256: objectId('2a8648ce3d040302'),
  commonName: objectId('550403'),
  basicConstraints: objectId('551d13'),
  subjectAlternativeName: objectId('551d11'),
} as const;

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const missing = 8 - words(head).length - words(tail).length;
  const all = [...words(head), ...Array.from({ length: missing }, () => '0'), ...words(tail)];
  return Buffer.from(all.map((word) => word.padStart(4, '0')).join(''), 'hex');
}

function utcTime(ms: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`));
}

const dayMs = 86_400_000;

/** A key and a certificate of its own for these names and addresses, good for 30 days (RFC 5280). */
export function makeCertificate(names: readonly string[], addresses: readonly string[]): { key: string; cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = sequence(der(0x31, sequence(ids.commonName, der(0x0c, Buffer.from('Container Instances emulator')))));
  const alternatives = [
    ...names.map((name) => der(0x82, Buffer.from(name))),
    ...[...new Set(addresses)].map((address) => der(0x87, addressBytes(address))),
  ];
  const extension = (id: Buffer, value: Buffer): Buffer => sequence(id, der(0x04, value));
  const serial = Buffer.concat([Buffer.of(0x40), randomBytes(15)]);
  const now = Date.now();
  const toSign = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    sequence(ids.ecdsaWithSha256),
    issuer,
    sequence(utcTime(now - dayMs), utcTime(now + 30 * dayMs)),
    issuer,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        extension(ids.basicConstraints, sequence(der(0x01, Buffer.of(0xff)))),
        extension(ids.subjectAlternativeName, sequence(...alternatives)),
      ),
    ),
  );
  const signature = sign('sha256', toSign, privateKey);
  const certificate = sequence(toSign, sequence(ids.ecdsaWithSha256), der(0x03, Buffer.of(0), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
  };
}
