import { limits } from '../contract/limits.ts';
import type { TaskDefinition, TaskParameter } from '../contract/task-definition.ts';

/** A JSON Schema (2020-12), or a part of one. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/**
 * What a request may give a task, as a JSON Schema of an object with one property per parameter: for forms, editors and agents. Parameters that the
 * orchestrator reads itself (`valueFrom`) are not in it. Numbers and booleans may also travel as strings; the schema shows the natural form.
 */
export function parameterSchema(definition: TaskDefinition): JsonSchema {
  const asked = definition.scriptParameters.filter(({ valueFrom }) => valueFrom === undefined);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: definition.taskName,
    ...(definition.description === undefined ? {} : { description: definition.description }),
    type: 'object',
    properties: Object.fromEntries(asked.map((parameter) => [parameter.parameterName, propertyOf(parameter)])),
    required: asked
      .filter((parameter) => parameter.required && parameter.default === undefined)
      .map(({ parameterName }) => parameterName),
    additionalProperties: false,
  };
}

function propertyOf(parameter: TaskParameter): JsonSchema {
  const { parameterType: type, description } = parameter;
  return {
    ...typeOf(type),
    ...(description === undefined ? {} : { description }),
    // The default of a secret is as secret as any other value of it.
    ...(parameter.default === undefined || type === 'secret' ? {} : { default: typed(parameter.default, type) }),
    ...(parameter.enum === undefined ? {} : { enum: parameter.enum.map((value) => typed(value, type)) }),
    ...bounds(parameter),
  };
}

function typeOf(type: TaskParameter['parameterType']): JsonSchema {
  switch (type) {
    case 'int':
    case 'integer':
      return { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
    case 'number':
      return { type: 'number' };
    case 'boolean':
      return { type: 'boolean' };
    case 'json':
      return { description: 'Any JSON' };
    case 'secret':
      return { type: 'string', format: 'password', writeOnly: true, maxLength: limits.valueBytes };
    case 'string':
      return { type: 'string', maxLength: limits.valueBytes };
  }
}

/** Only those that mean something for the type: `pattern` says nothing of a number in JSON Schema. */
function bounds({ parameterType: type, pattern, minLength, maxLength, minimum, maximum }: TaskParameter): JsonSchema {
  const text = type === 'string' || type === 'secret';
  const numeric = type === 'int' || type === 'integer' || type === 'number';
  return {
    ...(text && pattern !== undefined ? { pattern } : {}),
    ...(text && minLength !== undefined ? { minLength } : {}),
    ...(text && maxLength !== undefined ? { maxLength } : {}),
    ...(numeric && minimum !== undefined ? { minimum } : {}),
    ...(numeric && maximum !== undefined ? { maximum } : {}),
  };
}

/** Definitions may write `"5"` for 5: the schema says it in the parameter's own type. */
function typed(value: string | number | boolean, type: TaskParameter['parameterType']): unknown {
  switch (type) {
    case 'int':
    case 'integer':
    case 'number':
      return Number(value);
    case 'boolean':
      return String(value) === 'true';
    case 'json':
      return typeof value === 'string' ? JSON.parse(value) : value;
    case 'string':
    case 'secret':
      return String(value);
  }
}
