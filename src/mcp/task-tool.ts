import type { Tool, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js';
import type { Problem } from '../contract/errors.ts';
import type { TaskSummary } from '../contract/run.ts';
import type { Hints } from '../contract/task-definition.ts';

/** The tools that look at, wait for and cancel runs. */
export const runToolNames = ['get_run', 'list_runs', 'get_run_log', 'wait_for_run', 'cancel_run'] as const;
export type RunToolName = (typeof runToolNames)[number];

/**
 * A task is a tool of the same name. One named like a tool for runs gets an underscore before its name: no name of a task begins with one, so the
 * two can never meet, whatever tools are added.
 */
export function toolNameOf(taskName: string): string {
  return (runToolNames as readonly string[]).includes(taskName) ? `_${taskName}` : taskName;
}

/** The task behind the name of a tool. */
export function taskNameOf(toolName: string): string {
  return toolName.startsWith('_') && toolNameOf(toolName.slice(1)) === toolName ? toolName.slice(1) : toolName;
}

/** The part that is used of the schema that the API gives of a task's parameters. */
export interface ParameterSchema {
  properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  required: readonly string[];
}

export interface Secrets {
  /** Names of all parameters whose values are secret and come from the caller. */
  all: readonly string[];
  /** Those without which no run can be started. */
  required: readonly string[];
}

/** Parameters that a model must not be asked for. Those with `valueFrom` are not in the schema at all: the orchestrator reads them itself. */
export function secretsIn({ properties, required }: ParameterSchema): Secrets {
  const all = Object.entries(properties).flatMap(([name, property]) => (property['writeOnly'] === true ? [name] : []));
  return { all, required: all.filter((name) => required.includes(name)) };
}

/** A task as a tool. Its schema is the task's own, without secrets. */
export function taskTool({ taskName, description, hints }: TaskSummary, schema: ParameterSchema): Tool {
  const secrets = secretsIn(schema);
  const isAsked = (name: string): boolean => !secrets.all.includes(name);
  const about = [
    description ?? `Runs the task ${taskName}.`,
    ...(secrets.required.length === 0 ? [] : [`Cannot be called: ${whereSecretsComeFrom(secrets.required)}`]),
  ];
  return {
    name: toolNameOf(taskName),
    title: taskName,
    description: about.join('\n\n'),
    inputSchema: {
      type: 'object',
      properties: Object.fromEntries(Object.entries(schema.properties).filter(([name]) => isAsked(name))),
      required: schema.required.filter(isAsked),
      additionalProperties: false,
    },
    annotations: annotationsOf(hints),
  };
}

/** What the author said, and no more: what is not said is for the client to assume. */
function annotationsOf({ readOnly, destructive, idempotent }: Hints = {}): ToolAnnotations {
  return {
    ...(readOnly === undefined ? {} : { readOnlyHint: readOnly }),
    ...(destructive === undefined ? {} : { destructiveHint: destructive }),
    ...(idempotent === undefined ? {} : { idempotentHint: idempotent }),
  };
}

/** Why these arguments cannot be taken, where secrets are among them or missing. */
export function secretProblems(secrets: Secrets, given: Readonly<Record<string, unknown>>): Problem[] {
  const brought = secrets.all.filter((name) => Object.hasOwn(given, name));
  const missing = secrets.required.filter((name) => !brought.includes(name));
  return [
    ...brought.map((name): Problem => ({
      path: `/arguments/${name}`,
      code: 'notAllowed',
      message: `${name} is a secret, and no model may know or give it: ${whereSecretsComeFrom([name])}`,
    })),
    ...missing.map((name): Problem => ({
      path: '/arguments',
      code: 'required',
      message: `${name} is missing, and cannot be given here: ${whereSecretsComeFrom([name])}`,
    })),
  ];
}

function whereSecretsComeFrom(names: readonly string[]): string {
  const one = names.length === 1;
  return (
    `the ${one ? 'secret' : 'secrets'} ${names.join(', ')} must come from elsewhere. The author of the task names the source in its definition ` +
    `("valueFrom": "env:ERRAND_SECRET_…" or "file:…"), or a person starts the run with "errand run", which asks for ${one ? 'it' : 'them'}.`
  );
}
