import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { queueAccess } from '../../queues/azure-queue-client.ts';
import type { DockerConnection } from '../../runners/docker-engine.ts';
import { defaultQueue } from '../azure-storage-config.ts';
import type { Environment } from '../config.ts';
import { blobGateway } from '../functions/host/blob-gateway.ts';
import { startFunctionsHost } from '../functions/host/functions-host.ts';
import { registerFunctions } from '../functions/register.ts';
import { localStorage } from './azurite.ts';
import { blobCreatedMessage } from './blob-created.ts';
import { localContainerInstances } from './container-instances.ts';
import { runnerAddress } from './runner-address.ts';

export interface LocalAzureOptions {
  port: number;
  engine: DockerConnection;
  /** Of the programs beside us, and settings of Errand that go before our own. */
  environment: Environment;
  clock: Clock;
  logger: Logger;
}

export interface LocalAzure {
  /** Of the API. */
  url: string;
  /** What a function app on Azure would be given. */
  settings: Readonly<Record<string, string | undefined>>;
  /** Ends everything, in order: nothing of it is left. */
  close(): Promise<void>;
}

const settled = /\/(?:fence|result\.json)$/;

/** The whole Azure path on this machine: storage, Container Instances with real containers, events, and the function app by way of its programming model. */
export async function startLocalAzure(options: LocalAzureOptions): Promise<LocalAzure> {
  const { port, engine, environment, clock, logger } = options;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0).toReversed()) await end();
  };
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    closers.push(part.close);
    return part;
  };
  try {
    const address = await runnerAddress(engine);
    const storage = keep(await localStorage({ environment, clock }));
    const arm = keep(await localContainerInstances({ environment, clock }));
    const access = (name: string) => queueAccess({ connectionString: storage.connectionString }, name, clock);
    const queue = access(defaultQueue);
    const gateway = keep(
      await blobGateway({
        target: storage.blobs,
        host: address.listen,
        seenAs: address.seen,
        onCreated: async (subject) => {
          if (settled.test(subject)) await queue.send(blobCreatedMessage(subject, clock.now()), 0, {});
        },
        onError: (error) => logger.warn({ err: error }, 'a runner did not get through to Azurite'),
      }),
    );
    const settings = {
      ERRAND_SUBSCRIPTION_ID: '00000000-0000-4000-8000-000000000000',
      ERRAND_RESOURCE_GROUP: 'errand-runs',
      ERRAND_AUTH_LEVEL: 'anonymous',
      ERRAND_LOG_LEVEL: 'warn',
      AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
      ...ownSettings(environment),
      ERRAND_STORAGE_CONNECTION_STRING: storage.connectionString,
      ERRAND_RUNNER_BLOB_ENDPOINT: gateway.url,
      ERRAND_ARM_ENDPOINT: arm.url,
    };
    const host = keep(
      await startFunctionsHost({
        load: async () => {
          const { app } = await import('@azure/functions');
          registerFunctions(app, settings);
        },
        port,
        queueAccess: access,
        clock,
        logger,
      }),
    );
    return { url: host.url, settings, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Those that say where storage is are for the real Azure. */
function ownSettings(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) =>
        name.startsWith('ERRAND_') && !/^ERRAND_(?:STORAGE|BLOB|QUEUE|TABLE|HOST|PORT|DATA|DRIVER|URL)/.test(name),
    ),
  );
}
