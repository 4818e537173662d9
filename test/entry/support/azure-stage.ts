import { startEmulator, type Emulator, type EngineFactory } from '../../../emulator/server.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Context } from '../../../src/core/context.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { Orchestrator } from '../../../src/core/orchestrator.ts';
import { azureConfig } from '../../../src/entry/azure-config.ts';
import { composeAzure } from '../../../src/entry/compose-azure.ts';
import { createApp } from '../../../src/http/app.ts';

export const subscription = '00000000-0000-4000-8000-000000000000';

export interface AzureStage {
  emulator: Emulator;
  orchestrator: Orchestrator;
  context: Context;
  app: ReturnType<typeof createApp>;
  close(): Promise<void>;
}

export interface AzureStageOptions {
  connectionString: string;
  runnerBlobEndpoint: string;
  /** Begins the names of tables, containers and queue. */
  prefix: string;
  engine: EngineFactory;
  logger: Logger;
  decorate?: ((context: Context) => Context) | undefined;
}

/** Errand as it is composed on Azure, with times of tests, and an emulator of its own. */
export async function azureStage(options: AzureStageOptions): Promise<AzureStage> {
  const { prefix, logger, decorate } = options;
  const emulator = await startEmulator({ engine: options.engine, switches: { pendingMs: 0, pullMs: 0 } });
  const config = azureConfig({
    ERRAND_STORAGE_CONNECTION_STRING: options.connectionString,
    ERRAND_RUNNER_BLOB_ENDPOINT: options.runnerBlobEndpoint,
    ERRAND_TABLE_PREFIX: prefix,
    ERRAND_TASKS_CONTAINER: `${prefix}-tasks`,
    ERRAND_EXCHANGES_CONTAINER: `${prefix}-exchanges`,
    ERRAND_QUEUE: `${prefix}-work`,
    ERRAND_SUBSCRIPTION_ID: subscription,
    ERRAND_RESOURCE_GROUP: 'runs',
    ERRAND_ARM_ENDPOINT: emulator.url,
  });
  const errand = await composeAzure(
    { ...config, policy: { ...config.policy, leaseMs: 2_000, safetyLookMs: 500, sweepEveryMs: 500 } },
    { logger, ...(decorate === undefined ? {} : { decorate }) },
  );
  const { context, orchestrator } = errand;
  return {
    emulator,
    orchestrator,
    context,
    app: createApp({
      orchestrator,
      artifacts: context.artifacts,
      storage: context.storage,
      clock: systemClock,
      logger,
      version: '0',
    }),
    close: async () => {
      await errand.close();
      await emulator.close();
    },
  };
}

/** Looks until the run is in one of these states. */
export async function untilState({ storage }: Context, id: string, wanted: RegExp): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const { state = '' } = (await storage.getRun(id)) ?? {};
    if (wanted.test(state)) return;
    await systemClock.sleep(100);
  }
  throw new Error(`the run ${id} did not come to be ${wanted.source}: ${JSON.stringify(await storage.getRun(id))}`);
}
