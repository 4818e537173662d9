import { accessSync, constants, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';

import { schemaFile, taskDefinitionJsonSchema } from '../../scripts/schema.ts';
import { taskDefinitionSchema } from '../../src/contract/task-definition.ts';

// Scalars that may be of several types are meant; everything else that strict mode warns of is an error.
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
const validate = ajv.compile(JSON.parse(readFileSync(schemaFile, 'utf8')));

/** Where the published schema sees problems: path and keyword, with the name where a field is unknown. */
function problems(document: unknown): string[] {
  validate(document);
  return (validate.errors ?? []).map((error) => {
    const field = error.params['additionalProperty'] ?? error.params['missingProperty'];
    return [error.instancePath || '/', error.keyword, field].filter((part) => part !== undefined).join(' ');
  });
}

const minimal = { taskName: 'A', dockerImage: 'a', scriptName: 'a.sh' };
const parameter = { parameterName: 'P', parameterType: 'string' };

test('the published schema is the one that the contract gives; npm run schema brings it up to date', () => {
  expect(readFileSync(schemaFile, 'utf8')).toBe(taskDefinitionJsonSchema());
});

describe('examples', () => {
  const files = globSync('examples/*/*.json').toSorted();

  test('are there', () => {
    expect(files.length).toBeGreaterThanOrEqual(7);
  });

  test.each(files)('%s is valid, and stands beside its executable', (file) => {
    const document: unknown = JSON.parse(readFileSync(file, 'utf8'));
    expect(problems(document)).toEqual([]);
    const definition = taskDefinitionSchema.parse(document);
    expect(basename(file)).toBe(`${definition.taskName}.json`);
    accessSync(join(dirname(file), definition.scriptName), constants.X_OK);
    expect(readFileSync(join(dirname(file), 'README.md'), 'utf8')).toContain(`errand push ${dirname(file)}`);
    expect([undefined, '../../schema/task-definition.json']).toContain(definition.$schema);
  });
});

describe('documents', () => {
  const valid: readonly (readonly [name: string, document: object])[] = [
    ['the least that a definition holds', minimal],
    ['the original StopVM', JSON.parse(readFileSync('examples/stop-vm/StopVM.json', 'utf8'))],
    ['a parameter whose default is a number', { ...minimal, scriptParameters: [{ ...parameter, default: 3 }] }],
    ['a retry that says nothing of its backoff', { ...minimal, retry: { maxAttempts: 3, on: ['lost'] } }],
  ];
  const invalid: readonly (readonly [name: string, document: object, problem: string])[] = [
    ['an unknown field', { ...minimal, image: 'b' }, '/ additionalProperties image'],
    ['an unknown field further down', { ...minimal, retry: { attempts: 2 } }, '/retry additionalProperties attempts'],
    [
      'an unknown field of a parameter',
      { ...minimal, scriptParameters: [{ ...parameter, type: 'int' }] },
      '/scriptParameters/0 additionalProperties type',
    ],
    ['a missing field', { taskName: 'A', dockerImage: 'a' }, '/ required scriptName'],
    ['a name that leaves its folder', { ...minimal, scriptName: '../a.sh' }, '/scriptName pattern'],
    [
      'a type that does not exist',
      { ...minimal, scriptParameters: [{ ...parameter, parameterType: 'date' }] },
      '/scriptParameters/0/parameterType enum',
    ],
    ['a limit beyond its bounds', { ...minimal, timeouts: { runSeconds: 600_000 } }, '/timeouts/runSeconds maximum'],
    ['a string for a number', { ...minimal, resources: { cpu: '1' } }, '/resources/cpu type'],
  ];

  test.each(valid)('%s: schema and contract take it', (_, document) => {
    expect(problems(document)).toEqual([]);
    expect(taskDefinitionSchema.safeParse(document).success).toBe(true);
  });

  test.each(invalid)('%s: schema and contract refuse it, and say where', (_, document, problem) => {
    expect(problems(document)).toContain(problem);
    expect(taskDefinitionSchema.safeParse(document).success).toBe(false);
  });
});
