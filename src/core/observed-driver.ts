import { NoCapacity, StartRefused, type RunnerDriver } from './ports/runner-driver.ts';
import type { RunMetrics } from './run-metrics.ts';
import { errorType } from './run-spans.ts';

/** The same driver, with its failures counted. That a container is refused or finds no room is one, too; that nobody wants an answer any more is none. */
export function observedDriver(driver: RunnerDriver, { driverFailed }: Pick<RunMetrics, 'driverFailed'>): RunnerDriver {
  async function counted<T>(operation: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (signal?.aborted !== true) driverFailed(driver.name, operation, typeOf(error));
      throw error;
    }
  }

  return {
    ...driver,
    create: (spec, options) => counted('create', options?.signal, () => driver.create(spec, options)),
    observe: (name, options) => counted('observe', options?.signal, () => driver.observe(name, options)),
    stop: (name, options) => counted('stop', options.signal, () => driver.stop(name, options)),
    remove: (name, options) => counted('remove', options?.signal, () => driver.remove(name, options)),
  };
}

function typeOf(error: unknown): string {
  if (error instanceof StartRefused) return error.reason;
  return error instanceof NoCapacity ? 'noCapacity' : errorType(error);
}
