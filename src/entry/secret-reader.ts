import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import type { ReadSecret } from '../core/environment.ts';

/** What the operator offers to task definitions: they can name nothing else. */
export interface SecretSources {
  /** Variables of the orchestrator whose name starts with ERRAND_SECRET_. */
  environment: Readonly<Record<string, string>>;
  /** Directory of secret files. */
  directory?: string;
}

/** Reads values of `valueFrom` at the moment they are needed, so that a rotated one is taken at the next start. */
export function secretReader({ environment, directory }: SecretSources): ReadSecret {
  return async (reference) => {
    const name = reference.slice(reference.indexOf(':') + 1);
    return reference.startsWith('env:') ? fromEnvironment(name, environment) : fromFile(name, directory);
  };
}

function fromEnvironment(variable: string, environment: SecretSources['environment']): string {
  const value = Object.hasOwn(environment, variable) ? environment[variable] : undefined;
  if (value !== undefined) return value;
  throw new ErrandError(
    'secretUnavailable',
    `it comes from the variable ${variable}, which the orchestrator does not have: set it and restart`,
  );
}

async function fromFile(file: string, directory: string | undefined): Promise<string> {
  if (directory === undefined)
    throw new ErrandError(
      'secretUnavailable',
      'it comes from a file, but no directory of secrets is configured: set ERRAND_SECRETS_DIR',
    );
  try {
    // A trailing newline is how editors end files, not part of a secret.
    return (await readFile(join(directory, file), 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new ErrandError(
      'secretUnavailable',
      `it comes from the file ${file} of the directory of secrets, which cannot be read`,
      { cause },
    );
  }
}
