import { resolve } from 'node:path';
import type { Io } from '../terminal/io.ts';
import { UsageError } from '../terminal/usage-error.ts';

/** How the commands on keys are told which file they are in. */
export const keysFileOption = {
  file: { type: 'string', value: 'path', about: 'The file of keys; otherwise $ERRAND_API_KEYS_FILE' },
} as const;

export function givenKeysFile(file: string | undefined, io: Pick<Io, 'environment'>): string {
  const configured = io.environment['ERRAND_API_KEYS_FILE'];
  if (file !== undefined) return resolve(file);
  if (configured !== undefined && configured !== '') return resolve(configured);
  throw new UsageError(
    'Which file of keys? Set ERRAND_API_KEYS_FILE, as for the server, or write --file keys.json ("errand keys create" makes it where it is not there).',
  );
}
