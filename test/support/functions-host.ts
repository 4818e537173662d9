import { instantEngine, startEmulator, type Emulator } from '../../emulator/server.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger, type Logger } from '../../src/core/logger.ts';
import { blobGateway } from '../../src/entry/functions/host/blob-gateway.ts';
import { startFunctionsHost, type FunctionsHost } from '../../src/entry/functions/host/functions-host.ts';
import { blobCreatedMessage } from '../../src/entry/local-azure/blob-created.ts';
import { registerFunctions } from '../../src/entry/functions/register.ts';
import { queueAccess, type QueueAccess } from '../../src/queues/azure-queue-client.ts';
import { startAzurite, type Azurite } from './azurite.ts';
import { processBehavior } from './process-behavior.ts';

export interface FunctionsHarness {
  url: string;
  host: FunctionsHost;
  azurite: Azurite;
  emulator: Emulator;
  /** The settings that the app was given. */
  settings: Record<string, string>;
  queue: QueueAccess;
  poison: QueueAccess;
  close(): Promise<void>;
}

export interface FunctionsHarnessOptions {
  settings?: Record<string, string>;
  /** See the host. */
  key?: string;
  logger?: Logger;
}

/**
 * The Functions app by way of the official programming model, with Azurite and the emulator behind it. Tasks run for real: the runner, as a process
 * of this machine. One in a process.
 */
export async function functionsHarness(options: FunctionsHarnessOptions = {}): Promise<FunctionsHarness> {
  const { logger = silentLogger } = options;
  const azurite = await startAzurite();
  const { connectionString } = azurite;
  const access = (name: string): QueueAccess => queueAccess({ connectionString }, name, systemClock);
  const queue = access('errand-work');
  const emulator = await startEmulator({
    engine: instantEngine({ behavior: processBehavior }),
    switches: { pendingMs: 0, pullMs: 0 },
  });
  const gateway = await blobGateway({
    target: azurite.blobUrl,
    host: '127.0.0.1',
    onCreated: async (subject) => {
      if (/\/(?:fence|result\.json)$/.test(subject)) await queue.send(blobCreatedMessage(subject, Date.now()), 0, {});
    },
    onError: (error) => logger.warn({ err: error }, 'a runner did not get through to Azurite'),
  });
  const settings = {
    ERRAND_STORAGE_CONNECTION_STRING: connectionString,
    ERRAND_RUNNER_BLOB_ENDPOINT: gateway.url,
    ERRAND_ARM_ENDPOINT: emulator.url,
    ERRAND_SUBSCRIPTION_ID: '00000000-0000-4000-8000-000000000000',
    ERRAND_RESOURCE_GROUP: 'runs',
    ERRAND_AUTH_LEVEL: 'anonymous',
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    // Whatever a request says, no name but that of this machine is ever looked up.
    ERRAND_WEBHOOK_HOSTS: 'localhost',
    ...options.settings,
  };
  const host = await startFunctionsHost({
    load: async () => {
      const { app } = await import('@azure/functions');
      registerFunctions(app, settings);
    },
    port: 0,
    queueAccess: access,
    pollMs: 50,
    ...(options.key === undefined ? {} : { key: options.key }),
    clock: systemClock,
    logger,
  });
  return {
    url: host.url,
    host,
    azurite,
    emulator,
    settings,
    queue,
    poison: access('errand-work-poison'),
    close: async () => {
      await host.close();
      await emulator.close();
      await gateway.close();
      await azurite.stop();
    },
  };
}
