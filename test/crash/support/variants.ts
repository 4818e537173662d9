import { join } from 'node:path';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { containerName, type Context } from '../../../src/core/context.ts';
import type { Exchange } from '../../../src/core/ports/artifact-store.ts';
import { StartRefused } from '../../../src/core/ports/runner-driver.ts';
import type { RunnerResult } from '../../../src/core/runner-result.ts';
import type { ServerConfig } from '../../../src/entry/config.ts';
import { dockerRunner } from '../../../src/runners/docker.ts';
import { processRunner } from '../../../src/runners/process.ts';
import { forgetfulRunner, noCompareAndSwap, writeForgetfulRunner } from '../../promise/broken-parts.ts';
import { putRepeated } from './azure-driver.ts';
import type { Setting, VariantName } from './crash-case.ts';

type Break = (context: Context, setting: Setting, config: ServerConfig | undefined) => Context;

/** Takes one of the things away that Errand's promises rest on. */
export function breakErrand(variant: VariantName, ...given: Parameters<Break>): Context {
  return variants[variant](...given);
}

const variants: Record<VariantName, Break> = {
  noFence: (context, setting, config) => {
    // On Azure the place makes its runners forget.
    if (config === undefined) return context;
    const { clock, logger } = context;
    writeForgetfulRunner(setting.notes);
    const shared = {
      runnerScript: forgetfulRunner(setting.notes),
      maximumRunners: config.maximumRunners,
      clock,
      logger,
    };
    const driver =
      setting.driver === 'docker'
        ? dockerRunner({ ...shared, connection: config.docker.connection, directory: config.dataDirectory })
        : processRunner({
            ...shared,
            directory: join(config.dataDirectory, 'processes'),
            baseEnvironment: config.processEnvironment,
          });
    return { ...context, driver };
  },

  /** An answer that did not come is taken for a start that did not happen. */
  startRepeated: (context, { dockerHost }) => {
    const { driver, clock } = context;
    return {
      ...context,
      driver: {
        ...driver,
        create: async (spec, options) => {
          try {
            return await driver.create(spec, options);
          } catch (error) {
            if (error instanceof StartRefused) throw error;
            for (let looks = 0; looks < 100; looks += 1) {
              if ((await driver.observe(spec.name)).state === 'exited') break;
              await clock.sleep(50);
            }
            await dockerClient(dockerHost).getContainer(spec.name).start();
            return {};
          }
        },
      },
    };
  },

  noCompareAndSwap,

  putRepeated,

  deletedBeforeSaved: (context) =>
    withExchange(context, (exchange, name) => ({
      ...exchange,
      collect: async (result, options) => {
        await context.driver.remove(name, options);
        await exchange.discard(options);
        return exchange.collect(result, options);
      },
    })),

  /** Docker's `wait` says exit code 0 of a container that was never started, and that is believed. */
  waitTrusted: (context) =>
    withExchange(context, (exchange, name) => {
      const neverStarted = async (): Promise<boolean> => (await context.driver.observe(name)).state === 'created';
      return {
        ...exchange,
        fence: async (options) => {
          const fence = await exchange.fence(options);
          if (fence !== undefined || !(await neverStarted())) return fence;
          return { by: 'runner', nonce: 'wait', at: new Date().toISOString() };
        },
        result: async (options) => {
          const result = await exchange.result(options);
          return result !== undefined || !(await neverStarted()) ? result : waited();
        },
      };
    }),
};

function withExchange(context: Context, change: (exchange: Exchange, name: string) => Exchange): Context {
  const { artifacts, namePrefix } = context;
  return {
    ...context,
    artifacts: {
      ...artifacts,
      exchange: (ref) => change(artifacts.exchange(ref), containerName(namePrefix, ref.runId, ref.attempt)),
    },
  };
}

/** What a naive orchestrator makes of an exit code. */
function waited(): RunnerResult {
  const now = new Date().toISOString();
  return {
    version: 1,
    nonce: 'wait',
    started: true,
    exitCode: 0,
    signal: null,
    timedOut: false,
    stopped: false,
    oomKilled: false,
    times: { booted: now, ended: now },
    durationMs: {},
    log: { bytes: 0, lines: 0, droppedBytes: 0, complete: true },
    output: false,
    files: [],
    skippedFiles: 0,
  };
}
