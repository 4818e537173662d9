import { ErrandError, type Problem } from '../contract/errors.ts';
import { runRequestSchema } from '../contract/run-request.ts';
import type { Definitions } from '../core/definitions.ts';
import { checkParameters } from '../core/parameters.ts';

const parameterSchema = runRequestSchema.shape.parameters.unwrap().element;

/**
 * What else is wrong with a request whose form is already wrong somewhere: the parameters that are well-formed are held against the task, so that
 * nobody has to mend a request twice. Finds nothing where the task itself cannot be told or used.
 */
export async function furtherProblems(
  taskName: string,
  body: unknown,
  definitions: Pick<Definitions, 'load'>,
): Promise<Problem[]> {
  if (body === null || typeof body !== 'object') return [];
  const given: readonly unknown[] = 'parameters' in body && Array.isArray(body.parameters) ? body.parameters : [];
  const definition = await definitionOf(taskName, definitions);
  if (definition === undefined) return [];

  const wellFormed: {
    index: number;
    parameter: { name: string; value: (typeof parameterSchema)['_output']['value'] };
  }[] = [];
  const malformedNames = new Set<string>();
  for (const [index, item] of given.entries()) {
    const parsed = parameterSchema.safeParse(item);
    if (parsed.success) wellFormed.push({ index, parameter: parsed.data });
    else if (item !== null && typeof item === 'object' && 'name' in item && typeof item.name === 'string')
      malformedNames.add(item.name);
  }
  // A declared parameter whose entry is malformed is there, so it is not missing as well.
  const remaining = {
    ...definition,
    scriptParameters: definition.scriptParameters.map((parameter) =>
      malformedNames.has(parameter.parameterName) ? { ...parameter, required: false } : parameter,
    ),
  };
  const { problems } = checkParameters(
    remaining,
    wellFormed.map(({ parameter }) => parameter),
  );
  return problems.map((problem) => ({
    ...problem,
    path: problem.path.replace(
      /^\/parameters\/(\d+)/,
      (_, index: string) => `/parameters/${wellFormed[Number(index)]?.index ?? index}`,
    ),
  }));
}

async function definitionOf(taskName: string, definitions: Pick<Definitions, 'load'>) {
  try {
    return (await definitions.load(taskName)).definition;
  } catch (error) {
    if (error instanceof ErrandError && (error.code === 'taskNotFound' || error.code === 'invalidDefinition'))
      return undefined;
    throw error;
  }
}
