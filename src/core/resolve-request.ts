import { ErrandError, type Problem } from '../contract/errors.ts';
import type { RunRequest } from '../contract/run-request.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import { platformProblems } from './check-definition.ts';
import type { Context } from './context.ts';
import { secondsFor } from './cost.ts';
import type { Definitions, StoredTask } from './definitions.ts';
import { checkParameters, type CheckedParameters } from './parameters.ts';
import { summary } from './problems.ts';
import type { RunRecord } from './run-record.ts';
import { keptName, versionOf } from './versions.ts';
import { webhookProblems } from './webhook-problems.ts';

/** What a rerun takes over from the earlier run. */
export interface Earlier {
  id: string;
  /** Definition and executable are those of the earlier run, unless the task is gone or switched off by now. */
  version?: Pick<RunRecord, 'definition' | 'executable' | 'taskVersion'>;
}

/** What a request comes to. */
export interface Resolved {
  definition: TaskDefinition;
  executable: RunRecord['executable'];
  taskVersion?: string | undefined;
  checked: CheckedParameters;
}

/**
 * Holds a request against the definition of its task, the platform and the executable; stores nothing. Throws `taskNotFound`, `taskDisabled`, `invalidDefinition`,
 * `executableMissing`, and `invalidRequest` with all problems.
 */
export async function resolveRequest(
  context: Context,
  definitions: Pick<Definitions, 'load'>,
  request: RunRequest,
  version?: Earlier['version'],
): Promise<Resolved> {
  const current = await definitions.load(request.taskName);
  const stored = version?.definition ?? current.definition;
  if (!current.definition.enabled)
    throw new ErrandError(
      'taskDisabled',
      `${stored.taskName} is switched off by its author: "enabled" is false in its definition`,
    );
  const unfit = platformProblems(stored, context.driver.name, context.driver.capabilities);
  if (unfit.length > 0)
    throw new ErrandError(
      'invalidDefinition',
      `${stored.taskName} cannot run on ${context.driver.name}: ${summary(unfit)}`,
      { problems: unfit },
    );

  const checked = checkParameters(stored, request.parameters);
  const shortened = { ...stored, timeouts: { ...stored.timeouts, ...defined(request.timeouts) } };
  const affordable =
    request.maxCost === undefined ? { limit: {} } : secondsFor(request.maxCost, shortened, context.prices);
  const problems = [
    ...checked.problems,
    ...timeoutProblems(stored, request),
    ...webhookProblems(request, context.webhooks.rules),
    ...('problem' in affordable ? [affordable.problem] : []),
  ];
  if (problems.length > 0) throw new ErrandError('invalidRequest', summary(problems), { problems });

  const { executable, taskVersion } = version ?? (await pinned(context, current));
  if (version !== undefined) await checkKept(context, stored.taskName, version);
  const definition = {
    ...shortened,
    timeouts: { ...shortened.timeouts, ...('limit' in affordable ? affordable.limit : {}) },
  };
  return {
    definition,
    executable,
    taskVersion,
    checked,
  };
}

/** The executable as it is now, and the version that task and executable make. */
async function pinned(
  { artifacts }: Context,
  { definition, document }: StoredTask,
): Promise<Pick<Resolved, 'executable' | 'taskVersion'>> {
  const found = await artifacts.describe(definition.scriptName);
  if (found === undefined)
    throw new ErrandError(
      'executableMissing',
      `${definition.taskName} names the executable ${definition.scriptName}, which is not there: push the task again`,
    );
  if (definition.sha256 !== undefined && definition.sha256 !== found.sha256) {
    throw new ErrandError(
      'executableMissing',
      `${definition.scriptName} is not what ${definition.taskName} pins: its SHA-256 is ${found.sha256}, the definition says ${definition.sha256}. Push the task again`,
    );
  }
  const { modifiedAt: _, ...executable } = found;
  return { executable, taskVersion: versionOf(document, found.sha256) };
}

/** Better refused now than when the container is created. */
async function checkKept(
  { artifacts }: Context,
  taskName: string,
  { executable, taskVersion = '' }: NonNullable<Earlier['version']>,
): Promise<void> {
  if ((await artifacts.describe(executable.name))?.sha256 === executable.sha256) return;
  if ((await artifacts.versions.describe(keptName(taskName, taskVersion)))?.sha256 === executable.sha256) return;
  throw new ErrandError(
    'executableMissing',
    `the executable of that run, ${executable.name} with the SHA-256 ${executable.sha256}, is no longer kept: rerun with the latest version, or push the earlier one again`,
  );
}

function timeoutProblems(definition: TaskDefinition, request: RunRequest): Problem[] {
  return Object.entries(defined(request.timeouts)).flatMap(([field, seconds]): Problem[] => {
    const limit = definition.timeouts[field as keyof TaskDefinition['timeouts']];
    if (limit === undefined || seconds <= limit) return [];
    return [
      {
        path: `/timeouts/${field}`,
        code: 'tooLarge',
        message: `${field} may only be shortened: the definition of ${definition.taskName} says ${limit}`,
        allowed: { maximum: limit },
      },
    ];
  });
}

/** Without the fields that are undefined. */
export function defined<T extends object>(fields: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: NonNullable<T[K]>;
  };
}
