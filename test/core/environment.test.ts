import { describe, expect, test } from 'vitest';
import { taskEnvironment } from '../../src/core/environment.ts';
import { sealer } from '../../src/core/seal.ts';
import { definitionOf, queued } from './support/records.ts';

const seal = sealer(Buffer.alloc(32, 1));
const none = () => Promise.reject(new Error('nobody should ask'));
const declared = (parameterName: string, changes: object = {}) => ({
  parameterName,
  parameterType: 'secret' as const,
  ...changes,
});

describe('what the executable is told', () => {
  test("is the author's environment and the parameters, and nothing of ours", async () => {
    const { secrets: _, ...run } = queued({
      definition: definitionOf({ environment: { B: 'b', A: 'author' } }),
      parameters: [
        { name: 'VM', value: 'a', secret: false },
        { name: 'Empty', value: '', secret: false },
      ],
    });
    const { environment, secretNames } = await taskEnvironment(run, seal, none);
    expect({ ...environment }).toEqual({ A: 'author', B: 'b', VM: 'a', Empty: '' });
    expect(secretNames).toEqual([]);
  });

  test('has the trace that the run belongs to, unless the author has set one', async () => {
    const traceContext = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=1' };
    const told = async (environment: Record<string, string>) => {
      const { secrets: _, ...run } = queued({ definition: definitionOf({ environment }), traceContext });
      return { ...(await taskEnvironment(run, seal, none)).environment };
    };
    expect(await told({ A: 'b' })).toEqual({
      A: 'b',
      TRACEPARENT: traceContext.traceparent,
      TRACESTATE: traceContext.tracestate,
    });
    expect(await told({ TRACEPARENT: 'mine' })).toEqual({ TRACEPARENT: 'mine' });
    expect(await told({ TRACESTATE: '' })).toEqual({ TRACESTATE: '' });
  });

  test('has no prototype, and __proto__ is a name like any other', async () => {
    const { secrets: _, ...run } = queued({
      parameters: [
        { name: '__proto__', value: 'x', secret: false },
        { name: 'constructor', value: 'y', secret: false },
      ],
    });
    const { environment } = await taskEnvironment(run, seal, none);
    expect(Object.getPrototypeOf(environment)).toBeNull();
    expect(Object.entries(environment)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });
});

describe('secrets', () => {
  const base = {
    definition: definitionOf({
      scriptParameters: [declared('Token'), declared('Key', { valueFrom: 'env:ERRAND_SECRET_KEY' })],
    }),
  };

  test('come from the envelope of the run, or from where the definition says', async () => {
    const run = queued({
      ...base,
      parameters: [
        { name: 'Token', secret: true },
        { name: 'Key', secret: true },
      ],
      secrets: seal.seal({ Token: 'hunter2' }, queued().id),
    });
    const asked: string[] = [];
    const { environment, secretNames } = await taskEnvironment(run, seal, async (reference) => {
      asked.push(reference);
      return 'from outside';
    });
    expect({ ...environment }).toEqual({ Token: 'hunter2', Key: 'from outside' });
    expect(secretNames).toEqual(['Token', 'Key']);
    expect(asked).toEqual(['env:ERRAND_SECRET_KEY']);
  });

  test.each([
    ['that are erased', 'Token', undefined, 'Token is no longer there'],
    ['that were sealed for another run', 'Token', seal.seal({ Token: 'hunter2' }, 'another'), 'damaged'],
    [
      'that were sealed with another key',
      'Token',
      sealer(Buffer.alloc(32, 2)).seal({ Token: 'hunter2' }, queued().id),
      'another key',
    ],
    ['that cannot be read', 'Key', undefined, 'Key cannot be read: nobody should ask'],
  ] as const)('%s are an error that says so', async (_, name, secrets, message) => {
    const { secrets: __, ...plain } = queued({ ...base, parameters: [{ name, secret: true }] });
    const run = { ...plain, ...(secrets === undefined ? {} : { secrets }) };
    await expect(taskEnvironment(run, seal, none)).rejects.toMatchObject({
      code: 'secretUnavailable',
      message: expect.stringContaining(message),
    });
  });
});
