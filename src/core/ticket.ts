import { scriptNamePattern, variableNamePattern } from '../contract/names.ts';
import type { AttemptRef, ExchangePlan } from './ports/artifact-store.ts';

/**
 * The ticket: what the runner of a directory exchange is told in secret, as a fragment of POSIX shell that it evaluates. Every value is
 * inside single quotes, where the shell expands nothing. The variables of the user code are in a function, so that they touch only the
 * subshell that runs it. `executable` is the path at which the runner sees the file. Throws TypeError for what no environment can hold:
 * callers validate long before.
 */
export function ticketText(attempt: AttemptRef, plan: ExchangePlan, executable: string): string {
  const settings: [name: string, value: string][] = [
    ['ERRAND_RUN_ID', attempt.runId],
    ['ERRAND_ATTEMPT', String(attempt.attempt)],
    ['ERRAND_TASK', plan.taskName],
    ['ERRAND_EXECUTABLE', executable],
    ['ERRAND_EXECUTABLE_SHA256', plan.executable.sha256],
    ['ERRAND_RUN_SECONDS', String(plan.runSeconds)],
    ['ERRAND_GRACE_SECONDS', String(plan.graceSeconds)],
    ['ERRAND_LOG_MAX_BYTES', String(plan.logMaxBytes)],
    ['ERRAND_SECRET_NAMES', plan.secretNames.map(checkedName).join(' ')],
    ['ERRAND_IDENTITY', plan.waitForIdentity ? '1' : ''],
  ];
  const variables = Object.entries(plan.environment);
  return [
    ...settings.map(([name, value]) => `${name}=${shellQuote(value)}`),
    'errand_environment() {',
    ...variables.map(([name, value]) => `export ${checkedName(name)}=${shellQuote(value)}`),
    // A function without a command is a syntax error.
    ':',
    '}',
    '',
  ].join('\n');
}

/** Where a runner with a mounted exchange finds the executable. */
export function mountedExecutable(name: string): string {
  if (!scriptNamePattern.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of an executable`);
  return `/errand-executable/${name}`;
}

function shellQuote(value: string): string {
  if (value.includes('\0')) throw new TypeError('a value with a NUL character cannot be in an environment');
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

function checkedName(name: string): string {
  if (!variableNamePattern.test(name))
    throw new TypeError(`${JSON.stringify(name)} is no name of an environment variable`);
  return name;
}
