import { AsyncLocalStorage } from 'node:async_hooks';

import type { Clock } from '../../../src/core/clock.ts';
import type { Context } from '../../../src/core/context.ts';
import type { RunnerDriver } from '../../../src/core/ports/runner-driver.ts';
import type { WorkQueue } from '../../../src/core/ports/work-queue.ts';

/**
 * Called at every point where a process may die: `storage.updateRun:3:before` is right before the third call of that method,
 * `…:after` when its answer is there and nobody has seen it yet. It may not return.
 */
export type Reach = (point: string) => void;

/** The call of a port that the code is in. */
const calls = new AsyncLocalStorage<string>();

export function currentCall(): string | undefined {
  return calls.getStore();
}

/** Enumerates crash points around anything that is called. */
export interface Pointer {
  around<T>(method: string, call: () => T): T;
  /** Only before. */
  ahead(method: string): void;
}

export function pointer(reach: Reach): Pointer {
  const counts = new Map<string, number>();

  function next(method: string): string {
    const count = (counts.get(method) ?? 0) + 1;
    counts.set(method, count);
    return `${method}:${count}`;
  }

  async function* items(method: string, call: string, answer: AsyncIterable<unknown>): AsyncGenerator {
    for await (const item of answer) {
      const point = next(`${method}.item`);
      reach(`${point}:before`);
      yield item;
      reach(`${point}:after`);
    }
    reach(`${call}:after`);
  }

  return {
    ahead: (method) => reach(`${next(method)}:before`),
    around: <T>(method: string, call: () => T): T => {
      const point = next(method);
      reach(`${point}:before`);
      const answer = calls.run(method, call);
      // What comes out has the shape of what went in: a promise with a point at its end, or an iterable with points between its items.
      if (answer instanceof Promise) return answer.finally(() => reach(`${point}:after`)) as T;
      if (isIterable(answer)) return items(method, point, answer) as T;
      reach(`${point}:after`);
      return answer;
    },
  };
}

/** Puts crash points around every method of every port, the handler of the queue and the creator's progress among them. */
export function withCrashPoints(context: Context, { around }: Pointer): Context {
  return {
    ...context,
    storage: pointed('storage', context.storage, around),
    artifacts: pointed('artifacts', { ...context.artifacts, exchange: exchangeOf }, around),
    queue: pointed('queue', withHandler(context.queue, around), around),
    driver: pointed('driver', withProgress(context.driver, around), around),
  };

  function exchangeOf(...given: Parameters<Context['artifacts']['exchange']>) {
    return pointed('exchange', context.artifacts.exchange(...given), around);
  }
}

/** A clock whose pauses inside a driver are crash points: there a platform has been told half of what it is to do. */
export function withPauses(clock: Clock, { around }: Pointer): Clock {
  return {
    ...clock,
    sleep: (ms, options) => {
      const call = currentCall();
      const isInside = call !== undefined && call.startsWith('driver.') && call !== 'driver.watch';
      return isInside ? around(`${call}/pause`, () => clock.sleep(ms, options)) : clock.sleep(ms, options);
    },
  };
}

function pointed<T extends object>(port: string, target: T, around: Pointer['around']): T {
  return new Proxy(target, {
    get: (object, key) => {
      const value: unknown = Reflect.get(object, key);
      if (typeof value !== 'function' || typeof key !== 'string') return value;
      return (...given: unknown[]): unknown => around(`${port}.${key}`, () => Reflect.apply(value, object, given));
    },
  });
}

function withHandler(queue: WorkQueue, around: Pointer['around']): WorkQueue {
  return {
    ...queue,
    consume: (handler) => queue.consume((wakeUp, options) => around('queue.handler', () => handler(wakeUp, options))),
  };
}

function withProgress(driver: RunnerDriver, around: Pointer['around']): RunnerDriver {
  return {
    ...driver,
    create: (spec, { progress = () => undefined, ...options } = {}) =>
      driver.create(spec, {
        ...options,
        progress: (phase) => around('driver.create/progress', () => progress(phase)),
      }),
  };
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
