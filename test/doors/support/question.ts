import type { RunRequestBody } from '../../../src/contract/run-request.ts';

export type Given = NonNullable<RunRequestBody['parameters']>[number];

/** How a command line is to bring its values, where it can: as `-p Name=value`, or in a file that is a list of parameters or an object. */
export const spellings = ['words', 'list', 'object'] as const;

/** One task, and what it is given: the same for every door. */
export interface Question {
  /** `scriptParameters` of the definition, as an author may have written them. */
  declared: readonly Declared[];
  /** Further fields of the definition. */
  definition: Readonly<Record<string, unknown>>;
  given: readonly Given[];
  spelling: (typeof spellings)[number];
}

/** One parameter of a definition. Any of its fields may be wrong, so that only those are named that decide what a door can say. */
export interface Declared {
  parameterName?: unknown;
  parameterType?: unknown;
  required?: unknown;
  default?: unknown;
  valueFrom?: unknown;
  [field: string]: unknown;
}

export const scriptName = 'door.sh';

/** The definition that is meant. */
export function documentOf(taskName: string, { declared, definition }: Question): Record<string, unknown> {
  return { taskName, dockerImage: 'door:local', scriptName, scriptParameters: declared, ...definition };
}

/** A secret that a caller is asked for. */
export function isAskedSecret({ parameterType, valueFrom }: Declared): boolean {
  return parameterType === 'secret' && valueFrom === undefined;
}

/** For a failure: short enough to read. */
export function describeQuestion({ declared, definition, given, spelling }: Question): string {
  const shown = JSON.stringify({ declared, definition, given, spelling });
  return shown.length > 4_000 ? `${shown.slice(0, 4_000)}…` : shown;
}
