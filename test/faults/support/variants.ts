import { serverConfig } from '../../../src/entry/config.ts';
import { ErrandError } from '../../../src/contract/errors.ts';
import type { Context } from '../../../src/core/context.ts';
import { NoCapacity, StartRefused } from '../../../src/core/ports/runner-driver.ts';
import { until } from '../../crash/support/processes.ts';
import { breakErrand } from '../../crash/support/variants.ts';
import type { VariantName } from '../../crash/support/crash-case.ts';

/** A deliberately broken Errand: a harness that does not catch it proves nothing. Broken below the faults, or above them. */
export interface Variant {
  below?: (context: Context, directory: string) => Context;
  above?: (context: Context) => Context;
}

/** Replaces the record whatever version is stored. */
export const noCompareAndSwap: Variant = {
  below: (context, directory) => broken('noCompareAndSwap', context, directory),
};

/** The container goes before its log is kept. */
export const deletedBeforeSaved: Variant = {
  below: (context, directory) => broken('deletedBeforeSaved', context, directory),
};

/** A wake-up whose handler failed is not brought again. */
export const wakeUpLost: Variant = {
  below: (context) => ({
    ...context,
    queue: {
      ...context.queue,
      consume: (handler) =>
        context.queue.consume((wakeUp, options) =>
          handler(wakeUp, options).catch((error: unknown) => {
            context.logger.warn({ err: error }, 'this wake-up is lost');
          }),
        ),
    },
  }),
};

/** A create whose answer was lost is taken for one that did not happen: all is cleared away, and it is made again by a runner that knows no fence. */
export const createdAgain: Variant = {
  below: (context, directory) => broken('noFence', context, directory),
  above: (context) => {
    const { driver } = context;
    return {
      ...context,
      driver: {
        ...methodsOf(driver),
        create: async (spec, options) => {
          try {
            return await driver.create(spec, options);
          } catch (error) {
            if (error instanceof StartRefused || error instanceof NoCapacity) throw error;
            const begun = context.artifacts.exchange({ runId: spec.runId, attempt: spec.attempt });
            await until(5_000, async () => (await begun.fence()) !== undefined);
            await driver.remove(spec.name).catch(() => driver.remove(spec.name));
            return driver.create(spec, options);
          }
        },
      },
    };
  },
};

/** A platform that does not answer is taken for one that says that the container is not there. */
export const silentMeansAbsent: Variant = {
  above: (context) => ({
    ...context,
    driver: {
      ...methodsOf(context.driver),
      observe: async (name, options) => {
        try {
          return await context.driver.observe(name, options);
        } catch (error) {
          if (error instanceof ErrandError && error.code === 'platformUnavailable') return { state: 'absent' };
          throw error;
        }
      },
    },
  }),
};

/** A port behind faults hands its methods out one by one. */
function methodsOf<T extends object>(port: T): T {
  return Object.fromEntries(Object.keys(port).map((key) => [key, Reflect.get(port, key) as unknown])) as T;
}

function broken(variant: VariantName, context: Context, directory: string): Context {
  const config = serverConfig(
    { PATH: process.env['PATH'], ERRAND_DATA_DIR: `${directory}/data`, ERRAND_DRIVER: 'process' },
    { driver: 'process' },
  );
  const setting = {
    driver: 'process',
    scenario: 'success',
    data: `${directory}/data`,
    notes: directory,
    dockerHost: '',
  } as const;
  return breakErrand(variant, context, setting, config);
}
