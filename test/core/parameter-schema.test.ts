import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';

import { taskDefinitionSchema } from '../../src/contract/task-definition.ts';
import { parameterSchema } from '../../src/core/parameter-schema.ts';

function schemaOf(...scriptParameters: object[]) {
  return parameterSchema(
    taskDefinitionSchema.parse({
      taskName: 'T',
      dockerImage: 'a',
      scriptName: 'a',
      description: 'what',
      scriptParameters,
    }),
  );
}

function one(parameter: object): unknown {
  const { properties } = schemaOf({ parameterName: 'P', ...parameter }) as { properties: Record<string, unknown> };
  return properties['P'];
}

describe('the schema of parameters', () => {
  test('is an object of the parameters that a caller may give', () => {
    const schema = schemaOf(
      { parameterName: 'A', parameterType: 'string', required: true },
      { parameterName: 'B', parameterType: 'string', required: true, default: 'x' },
      { parameterName: 'C', parameterType: 'secret', required: true, valueFrom: 'env:ERRAND_SECRET_C' },
    );
    expect(schema).toEqual({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'T',
      description: 'what',
      type: 'object',
      properties: {
        A: { type: 'string', maxLength: 32768 },
        B: { type: 'string', maxLength: 32768, default: 'x' },
      },
      required: ['A'],
      additionalProperties: false,
    });
  });

  test.each([
    [
      { parameterType: 'int', minimum: 1, maximum: 5 },
      { type: 'integer', minimum: 1, maximum: 5 },
    ],
    [
      { parameterType: 'integer', default: '3', enum: ['3', 4] },
      { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER, default: 3, enum: [3, 4] },
    ],
    [
      { parameterType: 'number', minimum: 0.5 },
      { type: 'number', minimum: 0.5 },
    ],
    [
      { parameterType: 'boolean', default: 'false' },
      { type: 'boolean', default: false },
    ],
    [
      { parameterType: 'json', default: '{"a":1}' },
      { description: 'Any JSON', default: { a: 1 } },
    ],
    [{ parameterType: 'json', description: 'own' }, { description: 'own' }],
    [
      { parameterType: 'string', pattern: '^a', minLength: 1, maxLength: 9, description: 'd', enum: ['a', 'ab'] },
      { type: 'string', pattern: '^a', minLength: 1, maxLength: 9, description: 'd', enum: ['a', 'ab'] },
    ],
    [
      { parameterType: 'secret', default: 'hidden', minLength: 8 },
      { type: 'string', format: 'password', writeOnly: true, maxLength: 32768, minLength: 8 },
    ],
  ])('says of %j', (parameter, expected) => {
    expect(one(parameter)).toEqual(expected);
  });

  test('is valid JSON Schema, and takes and refuses what it says', () => {
    const schema = schemaOf(
      { parameterName: 'N', parameterType: 'int', required: true, maximum: 5 },
      { parameterName: 'S', parameterType: 'secret' },
    );
    const validate = new Ajv2020({ strict: true, formats: { password: true } }).compile(schema);
    expect(validate({ N: 5, S: 'x' })).toBe(true);
    for (const wrong of [{}, { N: 6 }, { N: '5' }, { N: 1, X: 1 }, { N: 1.5 }]) expect(validate(wrong)).toBe(false);
  });
});
