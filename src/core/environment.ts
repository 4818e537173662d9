import { ErrandError } from '../contract/errors.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import type { RunRecord } from './run-record.ts';
import type { Sealer } from './seal.ts';
import { traceEnvironment } from './trace-context.ts';

/** Reads a secret that a definition names (`valueFrom`). Throws `secretUnavailable`, saying where the value should have come from. */
export type ReadSecret = (reference: string) => Promise<string>;

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
  readSecret: ReadSecret,
): Promise<TaskEnvironment> {
  const environment = Object.assign(
    Object.create(null) as Record<string, string>,
    // One who sets a part of it himself has a trace of his own.
    traceNames.some((name) => Object.hasOwn(run.definition.environment, name))
      ? {}
      : traceEnvironment(run.traceContext),
    run.definition.environment,
  );
  const sealed = run.secrets === undefined ? undefined : sealer.open(run.secrets, run.id);
  const secretNames: string[] = [];
  for (const { name, value, secret } of run.parameters) {
    if (secret) secretNames.push(name);
    environment[name] = secret ? await secretValue(run.definition, name, sealed, readSecret) : (value ?? '');
  }
  return { environment, secretNames };
}

const traceNames = ['TRACEPARENT', 'TRACESTATE'];

async function secretValue(
  definition: TaskDefinition,
  name: string,
  sealed: Record<string, string> | undefined,
  readSecret: ReadSecret,
): Promise<string> {
  const reference = definition.scriptParameters.find(({ parameterName }) => parameterName === name)?.valueFrom;
  if (reference !== undefined) return named(name, readSecret(reference));
  const value = sealed?.[name];
  if (value !== undefined) return value;
  throw new ErrandError(
    'secretUnavailable',
    `the value of the secret ${name} is no longer there: ask for the run again`,
  );
}

async function named(name: string, value: Promise<string>): Promise<string> {
  try {
    return await value;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ErrandError('secretUnavailable', `the secret ${name} cannot be read: ${why}`, { cause });
  }
}
