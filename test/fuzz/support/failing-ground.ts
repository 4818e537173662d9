import { ErrandError, type ErrorCode } from '../../../src/contract/errors.ts';
import type { Context } from '../../../src/core/context.ts';

export interface FailingGround {
  decorate(context: Context): Context;
  /** What storage, artifact store and platform fail with from now on; undefined mends them. */
  fail(code: ErrorCode | undefined): void;
}

/** What the server stands on, each of whose calls fails while it is told to. */
export function failingGround(): FailingGround {
  let failure: ErrorCode | undefined;

  function failing<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function' || name === 'close') return value;
        return (...given: unknown[]): unknown => {
          if (failure !== undefined) throw new ErrandError(failure, 'the ground fails, as it was told to');
          return Reflect.apply(value, target, given);
        };
      },
    });
  }

  return {
    decorate: (context) => ({
      ...context,
      storage: failing(context.storage),
      artifacts: failing(context.artifacts),
    }),
    fail: (code) => {
      failure = code;
    },
  };
}
