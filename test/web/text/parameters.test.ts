import { describe, expect, test } from 'vitest';

import { taskDefinitionSchema } from '../../../src/contract/task-definition.ts';
import { checkParameters } from '../../../src/core/parameters.ts';
import { fieldText, hintOf, parseLabels, problemsByField, sourceOf, toRequest } from '../../../web/text/parameters.ts';

const definition = taskDefinitionSchema.parse({
  taskName: 'Demo',
  dockerImage: 'demo:local',
  scriptName: 'demo.sh',
  scriptParameters: [
    { parameterName: 'Name', parameterType: 'string', required: true, pattern: '^[a-z]+$' },
    { parameterName: 'NameOfOther', parameterType: 'string', required: true },
    { parameterName: 'Count', parameterType: 'int', minimum: 1, maximum: 5, default: 9 },
    { parameterName: 'Key', parameterType: 'secret', valueFrom: 'env:ERRAND_SECRET_KEY' },
  ],
});
const { scriptParameters: parameters } = definition;

describe('the fields of a form', () => {
  test('send what is in them, and leave out the empty ones and those that nobody fills in', () => {
    expect(toRequest(parameters, { Count: '3', Name: 'a', NameOfOther: '', Key: 'x', Else: 'y' })).toEqual([
      { name: 'Name', value: 'a' },
      { name: 'Count', value: '3' },
    ]);
  });

  test('are empty until something is written in them, whatever their names mean to JavaScript', () => {
    const odd = ['constructor', 'toString', 'hasOwnProperty'].map((parameterName) => ({
      parameterName,
      parameterType: 'string' as const,
    }));
    expect(toRequest(odd, { toString: 'a' })).toEqual([{ name: 'toString', value: 'a' }]);
    expect(fieldText({}, 'constructor')).toBe('');
  });

  test('are each told what the server says of them', () => {
    const sent = toRequest(parameters, { Name: 'A1' });
    const { problems } = checkParameters(definition, sent);
    expect(Object.fromEntries(problemsByField(problems, sent, parameters))).toEqual({
      Name: ['Name must match the pattern ^[a-z]+$'],
      NameOfOther: ['NameOfOther is missing: it must be a string'],
      // A default may be wrong as well.
      Count: ['Count must be at most 5'],
    });
    const elsewhere = [{ path: '/labels/a', code: 'tooLong' as const, message: 'the label is too long' }];
    expect([...problemsByField(elsewhere, sent, parameters)]).toEqual([['', ['the label is too long']]]);
  });

  test('say what they take', () => {
    expect(parameters.map(hintOf)).toEqual([
      'matches ^[a-z]+$',
      undefined,
      'whole number, 1 to 5, 9 where left empty',
      undefined,
    ]);
    const length = { parameterName: 'A', parameterType: 'json', minLength: 2 } as const;
    expect(hintOf(length)).toBe('JSON, at least 2 characters');
    expect(hintOf({ parameterName: 'A', parameterType: 'string', enum: ['x'], default: 'x' })).toBeUndefined();
    expect(sourceOf('env:ERRAND_SECRET_A')).toBe('the variable ERRAND_SECRET_A of the server');
    expect(sourceOf('file:token')).toBe("the file token of the server's secrets");
  });

  test('take labels as pairs', () => {
    expect(parseLabels(' team=web, ticket = A=1\nnone')).toEqual({
      labels: { team: 'web', ticket: 'A=1' },
      wrong: ['none'],
    });
  });
});
