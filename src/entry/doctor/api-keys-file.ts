import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { octal } from './data-directory.ts';
import { fail, messageOf, ok, warn, type Said, type Step } from './finding.ts';
import { entriesSaid, readEntries } from './key-entries.ts';

export interface ApiKeysFileOptions {
  /** Undefined where none is configured. */
  file: string | undefined;
  /** Where the server listens. */
  host: string;
  clock: Clock;
}

/** That the file of keys can be read, by nobody who should not, and what is in it. */
export function apiKeysFileStep({ file, host, clock }: ApiKeysFileOptions): Step {
  return {
    name: 'API keys',
    look: async () => {
      if (file === undefined) return [withoutKeys(host)];
      let text: string;
      let mode: number;
      try {
        [text, { mode }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
      } catch (error) {
        return [
          fail(
            `ERRAND_API_KEYS_FILE names ${file}, which cannot be read (${messageOf(error)})`,
            '"errand keys create" makes it; it has to belong to the user that Errand runs as.',
          ),
        ];
      }
      const entries = readEntries(text);
      if (entries === undefined)
        return [
          fail(
            `ERRAND_API_KEYS_FILE names ${file}, which is no file of keys`,
            '"errand keys create --file" makes one: compare, or begin anew and hand out new keys.',
          ),
        ];
      return [...rights(file, mode), ...entriesSaid(entries, clock.now())];
    },
  };
}

function withoutKeys(host: string): Said {
  if (/^(?:localhost|127\..*|::1)$/.test(host)) return ok('none, so only this machine is served');
  return fail(
    `none, and ERRAND_HOST is ${host}: without keys everybody who reaches it could run tasks, so the server does not start`,
    'Set ERRAND_API_KEYS_FILE ("errand keys create" makes a key), or ERRAND_HOST=127.0.0.1.',
  );
}

/** Hashes of random keys give nothing away; whoever can add one has a key. */
function rights(file: string, mode: number): Said[] {
  const what = `${file} has mode ${octal(mode)}`;
  if ((mode & 0o022) !== 0) return [fail(`${what}: others can give themselves keys`, `chmod 600 ${file}`)];
  if ((mode & 0o077) !== 0) return [warn(`${what}: others can see who has keys`, `chmod 600 ${file}`)];
  return [];
}
