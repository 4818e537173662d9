import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A key and a certificate that it has signed itself, for these names, in PEM. */
export async function selfSigned(names: readonly string[]): Promise<{ key: string; cert: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-certificate-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const altNames = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`;
    const words = 'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=errand-test'.split(' ');
    await promisify(execFile)('openssl', [...words, '-addext', altNames, '-keyout', key, '-out', cert]);
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  } finally {
    await rm(directory, { recursive: true });
  }
}
