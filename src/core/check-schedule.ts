import { ErrandError, type Problem } from '../contract/errors.ts';
import { scheduleLabel, type ScheduleDocument } from '../contract/schedule.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import type { Context } from './context.ts';
import { cronProblems } from './cron.ts';
import type { Definitions } from './definitions.ts';
import { pointer, summary } from './problems.ts';
import { resolveRequest } from './resolve-request.ts';

/**
 * Holds a schedule against cron, the time zones and the definition of its task, as a run would be. Throws `invalidRequest` with all the problems; what
 * hinders every run of the task is thrown as it is where nothing else is wrong.
 */
export async function checkSchedule(
  context: Context,
  definitions: Pick<Definitions, 'load'>,
  document: ScheduleDocument,
): Promise<void> {
  const problems = [...cronProblems(document, context.clock.now()), ...labelProblems(document)];
  try {
    const task = await definitions.load(document.taskName);
    problems.push(...secretProblems(task.definition, document.parameters));
    const withoutSecrets = { ...task, definition: withoutRequiredSecrets(task.definition) };
    await resolveRequest(context, { load: async () => withoutSecrets }, document);
  } catch (error) {
    if (!(error instanceof ErrandError)) throw error;
    if (error.code === 'invalidRequest') problems.push(...(error.problems ?? []));
    else if (problems.length === 0) throw error;
    else problems.push({ path: '/taskName', code: 'notAllowed', message: error.message });
  }
  if (problems.length > 0) throw new ErrandError('invalidRequest', summary(problems), { problems });
}

function labelProblems({ labels }: ScheduleDocument): Problem[] {
  if (labels[scheduleLabel] === undefined) return [];
  return [
    {
      path: pointer(['labels', scheduleLabel]),
      code: 'reservedName',
      message: `the label ${scheduleLabel} is set by Errand, to the name of the schedule: leave it out`,
    },
  ];
}

/** Values that nobody is there to give, and that are not to be kept. */
function secretProblems(
  { taskName, scriptParameters }: TaskDefinition,
  given: ScheduleDocument['parameters'],
): Problem[] {
  return scriptParameters.filter(isAsked).flatMap(({ parameterName: name, required }): Problem[] => {
    const index = given.findIndex((each) => each.name === name);
    if (index === -1 && !required) return [];
    return [
      {
        path: index === -1 ? '/parameters' : pointer(['parameters', index, 'value']),
        code: index === -1 ? 'required' : 'notAllowed',
        message: `${name} is secret, and a schedule keeps no secrets: give the parameter a "valueFrom" in the definition of ${taskName}, so that it is read when a run starts`,
      },
    ];
  });
}

function withoutRequiredSecrets(definition: TaskDefinition): TaskDefinition {
  return {
    ...definition,
    scriptParameters: definition.scriptParameters.map((parameter) =>
      isAsked(parameter) ? { ...parameter, required: false } : parameter,
    ),
  };
}

function isAsked({ parameterType, valueFrom }: TaskDefinition['scriptParameters'][number]): boolean {
  return parameterType === 'secret' && valueFrom === undefined;
}
