import { RE2JS } from 're2js';
import type { Problem } from '../contract/errors.ts';
import { reservedEnvironmentName, reservedParameterName } from '../contract/names.ts';
import { taskDefinitionSchema, type TaskDefinition, type TaskParameter } from '../contract/task-definition.ts';
import { checkValue } from './parameters.ts';
import type { RunnerCapabilities } from './ports/runner-driver.ts';
import { pointer, problemsOf } from './problems.ts';
import { taskWebhookProblems } from './webhook-problems.ts';

export type CheckedDefinition =
  | { definition: TaskDefinition; problems?: never }
  | { definition?: never; problems: Problem[] };

/** Checks a task definition document, form and sense, and fills in the defaults. Used when it is pushed and again when it is used: people may put files in by hand. */
export function checkDefinition(document: unknown): CheckedDefinition {
  const parsed = taskDefinitionSchema.safeParse(document, { reportInput: true });
  if (!parsed.success) return { problems: problemsOf(parsed.error) };
  const definition = parsed.data;
  const problems = [
    ...parameterProblems(definition),
    ...environmentProblems(definition),
    ...ruleProblems(definition),
    ...taskWebhookProblems(definition),
  ];
  return problems.length === 0 ? { definition } : { problems };
}

/** What the platform cannot do of what the definition asks. */
export function platformProblems(
  definition: TaskDefinition,
  platform: string,
  capabilities: RunnerCapabilities,
): Problem[] {
  const problems: Problem[] = [];
  const { cpu, memoryInGB } = definition.resources;
  const bound = (path: string, value: number, minimum: number, maximum: number) => {
    if (value < minimum)
      problems.push({
        path,
        code: 'tooSmall',
        message: `${platform} gives at least ${minimum}`,
        allowed: { minimum, maximum },
      });
    if (value > maximum)
      problems.push({
        path,
        code: 'tooLarge',
        message: `${platform} gives at most ${maximum}`,
        allowed: { minimum, maximum },
      });
  };
  bound('/resources/cpu', cpu, capabilities.minimumCpu, capabilities.maximumCpu);
  bound('/resources/memoryInGB', memoryInGB, capabilities.minimumMemoryInGB, capabilities.maximumMemoryInGB);
  if (capabilities.isolation && !capabilities.networks.includes(definition.container.network)) {
    problems.push({
      path: '/container/network',
      code: 'notAllowed',
      message: `${platform} cannot give the network "${definition.container.network}"`,
      allowed: capabilities.networks,
    });
  }
  if (capabilities.isolation) problems.push(...wishProblems(definition, platform, capabilities));
  return problems;
}

/** A wish for less than the image has is never left out in silence; where there is no isolation at all, that is said instead. */
function wishProblems(
  { container }: TaskDefinition,
  platform: string,
  { containerWishes }: RunnerCapabilities,
): Problem[] {
  const wishes = {
    user: container.user !== undefined,
    readOnlyRoot: container.readOnlyRoot,
    capabilities: container.capabilities.length > 0,
  };
  return (['user', 'readOnlyRoot', 'capabilities'] as const)
    .filter((wish) => wishes[wish] && !containerWishes.includes(wish))
    .map((wish) => ({
      path: `/container/${wish}`,
      code: 'notAllowed',
      message: `${platform} cannot grant container.${wish}: leave it out, or run the task with Docker`,
      allowed: containerWishes,
    }));
}

function parameterProblems(definition: TaskDefinition): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const [index, parameter] of definition.scriptParameters.entries()) {
    const at = (field: string) => pointer(['scriptParameters', index, field]);
    const { parameterName: name } = parameter;
    const reserved = reservedParameterName(name);
    if (reserved !== undefined)
      problems.push({ path: at('parameterName'), code: 'reservedName', message: `${reserved}; choose another name` });
    if (seen.has(name))
      problems.push({
        path: at('parameterName'),
        code: 'duplicate',
        message: `${name} is declared twice: leave one out`,
      });
    if (Object.hasOwn(definition.environment, name))
      problems.push({
        path: at('parameterName'),
        code: 'duplicate',
        message: `${name} is also set in environment: leave one out`,
      });
    seen.add(name);
    problems.push(...senseProblems(parameter, at));
  }
  return problems;
}

function senseProblems(parameter: TaskParameter, at: (field: string) => string): Problem[] {
  const problems: Problem[] = [];
  const { parameterType: type, pattern, minLength, maxLength, minimum, maximum, valueFrom } = parameter;
  const numeric = type === 'int' || type === 'integer' || type === 'number';
  if (pattern !== undefined) {
    const why = patternProblem(pattern);
    if (why !== undefined) {
      problems.push({
        path: at('pattern'),
        code: 'invalidPattern',
        message: `the pattern cannot be used: ${why}. Patterns are RE2: no look-around, no back-references`,
        allowed: 'RE2 syntax',
      });
      return problems;
    }
  }
  if (minLength !== undefined && maxLength !== undefined && minLength > maxLength)
    problems.push({
      path: at('minLength'),
      code: 'inconsistent',
      message: 'minLength is greater than maxLength: no value would be valid',
    });
  if (minimum !== undefined && maximum !== undefined && minimum > maximum)
    problems.push({
      path: at('minimum'),
      code: 'inconsistent',
      message: 'minimum is greater than maximum: no value would be valid',
    });
  for (const field of ['minimum', 'maximum'] as const) {
    if (parameter[field] !== undefined && !numeric)
      problems.push({
        path: at(field),
        code: 'inconsistent',
        message: `${field} is for int and number, not for ${type}`,
      });
  }
  for (const field of ['minLength', 'maxLength', 'pattern'] as const) {
    if (parameter[field] !== undefined && type !== 'string' && type !== 'secret')
      problems.push({
        path: at(field),
        code: 'inconsistent',
        message: `${field} is for string and secret, not for ${type}`,
      });
  }
  if (valueFrom !== undefined && type !== 'secret')
    problems.push({
      path: at('valueFrom'),
      code: 'inconsistent',
      message: 'valueFrom is for parameters of type secret',
    });
  if (type === 'secret' && parameter.default !== undefined)
    problems.push({
      path: at('default'),
      code: 'inconsistent',
      message: 'a secret has no default, since definitions are not secret: use valueFrom',
    });
  if (type === 'secret' && parameter.enum !== undefined)
    problems.push({
      path: at('enum'),
      code: 'inconsistent',
      message: 'a secret has no enum, since definitions are not secret',
    });
  const { default: fallback, enum: choices } = parameter;
  if (fallback !== undefined) {
    problems.push(
      ...checkValue(parameter, String(fallback)).map(({ code, message, allowed }) => ({
        path: at('default'),
        code,
        message: `the default is not valid: ${message}`,
        ...(allowed === undefined ? {} : { allowed }),
      })),
    );
  }
  const { enum: _, ...withoutEnum } = parameter;
  for (const [index, choice] of (choices ?? []).entries()) {
    problems.push(
      ...checkValue(withoutEnum, String(choice)).map(({ code, message }) => ({
        path: `${at('enum')}/${index}`,
        code,
        message: `this choice is not valid: ${message}`,
      })),
    );
  }
  return problems;
}

/** RE2 compiles in linear time and matches in linear time, so a pattern cannot hang the server; what it cannot do is refused here. */
function patternProblem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function environmentProblems(definition: TaskDefinition): Problem[] {
  return Object.entries(definition.environment).flatMap(([name, value]): Problem[] => {
    const path = pointer(['environment', name]);
    const reserved = reservedEnvironmentName(name);
    if (reserved !== undefined) return [{ path, code: 'reservedName', message: `${reserved}; choose another name` }];
    return value.includes('\0') || !value.isWellFormed()
      ? [{ path, code: 'invalidCharacter', message: `${name} has a character that no environment variable can hold` }]
      : [];
  });
}

function ruleProblems(definition: TaskDefinition): Problem[] {
  const problems: Problem[] = [];
  const { hints, retry, timeouts, concurrency, scriptName } = definition;
  if (scriptName.toLowerCase().endsWith('.json'))
    problems.push({
      path: '/scriptName',
      code: 'invalidName',
      message: 'an executable may not end in .json: those names are for task definitions',
    });
  if (retry.maxAttempts > 1 && retry.on.length === 0)
    problems.push({
      path: '/retry/on',
      code: 'inconsistent',
      message: 'maxAttempts is more than 1, but on is empty: nothing would be tried again',
      allowed: ['start', 'lost', 'exitCode', 'timeout'],
    });
  if (retry.maxAttempts === 1 && retry.on.length > 0)
    problems.push({
      path: '/retry/maxAttempts',
      code: 'inconsistent',
      message: 'on names causes to try again, but maxAttempts is 1: raise it, or leave on out',
    });
  if (retry.exitCodes.length > 0 && !retry.on.includes('exitCode'))
    problems.push({
      path: '/retry/exitCodes',
      code: 'inconsistent',
      message: 'exitCodes is given, but on does not have exitCode',
    });
  if (hints?.readOnly === true && hints.destructive === true)
    problems.push({
      path: '/hints/destructive',
      code: 'inconsistent',
      message: 'hints say that the task changes nothing and that it may destroy: leave one out',
    });
  if (timeouts.totalSeconds !== undefined && timeouts.totalSeconds < timeouts.runSeconds)
    problems.push({
      path: '/timeouts/totalSeconds',
      code: 'inconsistent',
      message: 'totalSeconds is less than runSeconds: the run would never get its full time',
    });
  if (concurrency?.key !== undefined) {
    const parameter = definition.scriptParameters.find(({ parameterName }) => parameterName === concurrency.key);
    if (parameter === undefined)
      problems.push({
        path: '/concurrency/key',
        code: 'notAllowed',
        message: `key names no parameter: ${concurrency.key}`,
        allowed: definition.scriptParameters.map(({ parameterName }) => parameterName),
      });
    else if (parameter.parameterType === 'secret')
      problems.push({ path: '/concurrency/key', code: 'notAllowed', message: 'key may not name a secret' });
  }
  return problems;
}
