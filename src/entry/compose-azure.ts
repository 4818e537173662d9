import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { monotonicFactory } from 'ulid';
import { azureBlobs } from '../artifacts/azure-blobs.ts';
import { systemClock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import type { LookerOptions } from '../core/looker.ts';
import { observedDriver } from '../core/observed-driver.ts';
import { orchestrator, type Orchestrator } from '../core/orchestrator.ts';
import type { RunnerDriver } from '../core/ports/runner-driver.ts';
import { runMetrics } from '../core/run-metrics.ts';
import { sealer } from '../core/seal.ts';
import { azureQueue, type AzureQueue } from '../queues/azure-queue.ts';
import { azureContainerInstances } from '../runners/azure-container-instances.ts';
import { azureTablesStorage } from '../storage/azure-tables.ts';
import type { AzureConfig } from './azure-config.ts';
import { azureCredential } from './azure-credential.ts';
import type { ComposeOptions, Errand } from './compose.ts';
import { keptSecretKey } from './kept-secret-key.ts';
import { packageRoot, packageVersion } from './package-root.ts';
import { httpsSender } from '../webhooks/https-sender.ts';
import { secretReader } from './secret-reader.ts';

export interface AzureErrand extends Errand {
  /** Poison messages, for readiness and `errand doctor`. */
  queue: AzureQueue;
}

export interface ComposeAzureOptions extends ComposeOptions, LookerOptions {
  /** `script-runner.sh`; the package's own unless given. */
  runnerScript?: string | undefined;
}

/** Puts the parts together on Azure: Table, Blob and Queue storage, and the runner driver of the configuration. Clients are made, and SDKs loaded, when first used. */
export async function composeAzure(
  config: AzureConfig,
  {
    logger,
    clock = systemClock,
    decorate = (context) => context,
    background = true,
    runnerScript = join(packageRoot, 'runner-image', 'script-runner.sh'),
  }: ComposeAzureOptions,
): Promise<AzureErrand> {
  const { storage: place } = config;
  const { account } = place;
  const credential = azureCredential(config.clientId);
  const connection = (service: 'queues' | 'tables') =>
    'connectionString' in account ? account : { endpoint: account[service], credential };
  const storage = azureTablesStorage({
    connection: connection('tables'),
    prefix: place.tablePrefix,
    ...('blobs' in account ? { blobs: { endpoint: account.blobs } } : {}),
    clock,
    logger,
  });
  const artifacts = azureBlobs({
    connection: 'connectionString' in account ? account : { endpoint: account.blobs, credential },
    tasksContainer: place.tasksContainer,
    exchangesContainer: place.exchangesContainer,
    runnerEndpoint: place.runnerBlobEndpoint,
    clock,
    logger,
    pollMs: 250,
  });
  let made: Orchestrator | undefined;
  const queue = azureQueue({
    connection: connection('queues'),
    name: place.queue,
    clock,
    logger,
    onEvent: async ({ runId }) => made?.onEvent(runId),
  });
  const driver = observedDriver(await chooseDriver(config, { logger, clock, runnerScript }), runMetrics());
  const ulid = monotonicFactory();
  const context = decorate({
    storage,
    artifacts,
    queue,
    driver,
    clock,
    logger,
    policy: config.policy,
    prices: driver.name === config.prices.platform ? config.prices : undefined,
    sealer: sealer(config.secretKey ?? (await keptSecretKey(storage))),
    readSecret: secretReader(config.secretSources),
    webhooks: {
      sender: httpsSender({ rules: config.webhooks, clock, userAgent: `Errand/${packageVersion()}` }),
      rules: config.webhooks,
    },
    instanceId: installationId(config),
    owner: randomBytes(8).toString('hex'),
    namePrefix: config.namePrefix,
    newId: () => ulid(clock.now()).toLowerCase(),
    random: Math.random,
  });
  const mine = orchestrator(context, { background });
  made = mine;
  return {
    orchestrator: {
      ...mine,
      ready: async () => {
        const [ready, , { count }] = await Promise.all([mine.ready(), queue.check(), queue.poison()]);
        return { ...ready, poisonMessages: count };
      },
    },
    context,
    queue,
    close: async () => {
      await mine.close();
      await driver.close();
      await storage.close();
    },
  };
}

/** Of the storage account and what in it is ours: asking storage for a random one would make the first answer wait. */
function installationId({ storage: { account, tablePrefix } }: AzureConfig): string {
  const address =
    'tables' in account
      ? account.tables
      : `${/AccountName=([^;]+)/i.exec(account.connectionString)?.[1]} ${/TableEndpoint=([^;]+)/i.exec(account.connectionString)?.[1]}`;
  return createHash('sha256').update(`${address} ${tablePrefix}`).digest('hex').slice(0, 16);
}

async function chooseDriver(
  config: AzureConfig,
  { logger, clock, runnerScript }: Pick<Context, 'logger' | 'clock'> & { runnerScript: string },
): Promise<RunnerDriver> {
  if (config.driver === 'docker') {
    // Its client is large, and most who are on Azure never use it.
    const { dockerOnAzureStorage } = await import('./docker-on-azure-storage.ts');
    return dockerOnAzureStorage({ logger, clock, runnerScript });
  }
  const { armEndpoint } = config;
  return azureContainerInstances({
    subscriptionId: config.subscriptionId,
    resourceGroup: config.resourceGroup,
    connection:
      armEndpoint?.startsWith('http:') === true
        ? { endpoint: armEndpoint, allowInsecure: true }
        : { endpoint: armEndpoint, credential: azureCredential(config.clientId) },
    places: config.places,
    identities: config.identities,
    defaultIdentity: config.defaultIdentity,
    registries: config.registries,
    subnetId: config.subnetId,
    logAnalytics: config.logAnalytics,
    priority: config.priority,
    tags: config.tags,
    containerNamePrefix: config.containerNamePrefix,
    runnerScript,
    clock,
    logger,
  });
}
