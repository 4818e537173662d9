import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sealer } from '../../core/seal.ts';
import { octal } from './data-directory.ts';
import { fail, messageOf, ok, warn, type Said, type Step } from './finding.ts';

export interface SecretKeyOptions {
  /** From the configuration. */
  key: Uint8Array | undefined;
  /** The file that the configured key is in, where it is in one. */
  keyFile: string | undefined;
  dataDirectory: string;
}

const make = 'Make one with "openssl rand -base64 32".';

/** That there is a key to seal secrets with, or that one can be made; and who else can read it. Makes none. */
export function secretKeyStep({ key, keyFile, dataDirectory }: SecretKeyOptions): Step {
  return {
    name: 'secret key',
    look: async () => {
      if (key !== undefined) {
        sealer(key);
        const said = keyFile === undefined ? [] : rights(keyFile, (await stat(keyFile)).mode);
        return said.length > 0 ? said : [ok('32 bytes, from the configuration')];
      }
      return keptKey(join(dataDirectory, 'secret.key'));
    },
  };
}

async function keptKey(path: string): Promise<Said[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return [ok('none is configured; the first start makes one in the data directory')];
    return [fail(`${path} cannot be read (${messageOf(error)})`, 'It has to belong to the user that Errand runs as.')];
  }
  if (Buffer.from(text.trim(), 'base64').byteLength !== 32)
    return [
      fail(
        `${path} does not hold a key of 32 bytes`,
        `Put the right one back from a backup. ${make} What was sealed with the old one is lost then, and those runs fail.`,
      ),
    ];
  const said = rights(path, (await stat(path)).mode);
  return said.length > 0 ? said : [ok(`32 bytes, in ${path}`)];
}

function rights(path: string, mode: number): Said[] {
  if ((mode & 0o077) === 0) return [];
  return [
    warn(
      `${path} has mode ${octal(mode)}: others on this machine can read the key, and with it every sealed secret`,
      `chmod 600 ${path}`,
    ),
  ];
}
