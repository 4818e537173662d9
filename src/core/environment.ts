import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import type { RunRecord } from './run-record.ts';
import type { Sealer } from './seal.ts';

/** Where values of `valueFrom` come from. Configured by the operator; a definition can only name what is in here. */
export interface SecretSources {
  /** Variables of the orchestrator whose name starts with ERRAND_SECRET_. */
  environment: Readonly<Record<string, string>>;
  /** Directory of secret files. */
  directory?: string;
}

export interface TaskEnvironment {
  /** Null prototype: everything that the executable reads. */
  environment: Record<string, string>;
  /** Which of them are secret, and masked in the log. */
  secretNames: string[];
}

/** Puts together what the executable is told, right before the container is created. Throws `secretUnavailable`. */
export async function taskEnvironment(
  run: RunRecord,
  sealer: Sealer,
  sources: SecretSources,
): Promise<TaskEnvironment> {
  const environment = Object.assign(Object.create(null) as Record<string, string>, run.definition.environment);
  const sealed = run.secrets === undefined ? undefined : sealer.open(run.secrets, run.id);
  const secretNames: string[] = [];
  for (const { name, value, secret } of run.parameters) {
    if (secret) secretNames.push(name);
    environment[name] = secret ? await secretValue(run.definition, name, sealed, sources) : (value ?? '');
  }
  return { environment, secretNames };
}

async function secretValue(
  definition: TaskDefinition,
  name: string,
  sealed: Record<string, string> | undefined,
  sources: SecretSources,
): Promise<string> {
  const source = definition.scriptParameters.find(({ parameterName }) => parameterName === name)?.valueFrom;
  if (source === undefined) {
    const value = sealed?.[name];
    if (value === undefined)
      throw new ErrandError(
        'secretUnavailable',
        `the value of the secret ${name} is no longer there: ask for the run again`,
      );
    return value;
  }
  const key = source.slice(source.indexOf(':') + 1);
  return source.startsWith('env:') ? fromEnvironment(name, key, sources) : fromFile(name, key, sources);
}

function fromEnvironment(name: string, variable: string, { environment }: SecretSources): string {
  const value = Object.hasOwn(environment, variable) ? environment[variable] : undefined;
  if (value === undefined)
    throw new ErrandError(
      'secretUnavailable',
      `the secret ${name} comes from the variable ${variable}, which the orchestrator does not have: set it and restart`,
    );
  return value;
}

async function fromFile(name: string, file: string, { directory }: SecretSources): Promise<string> {
  if (directory === undefined)
    throw new ErrandError(
      'secretUnavailable',
      `the secret ${name} comes from a file, but no directory of secrets is configured: set ERRAND_SECRETS_DIR`,
    );
  try {
    // A trailing newline is how editors end files, not part of a secret.
    return (await readFile(join(directory, file), 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new ErrandError(
      'secretUnavailable',
      `the secret ${name} comes from the file ${file} of the secrets directory, which cannot be read`,
      { cause },
    );
  }
}
