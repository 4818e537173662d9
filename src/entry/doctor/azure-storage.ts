import type { TokenCredential } from '@azure/identity';
import { instant, type Clock } from '../../core/clock.ts';
import { sealer } from '../../core/seal.ts';
import { queueAccess } from '../../queues/azure-queue-client.ts';
import { encodeWakeUp } from '../../queues/azure-queue-message.ts';
import type { AzureConfig } from '../azure-config.ts';
import type { AzureStorageConfig } from '../azure-storage-config.ts';
import type { AzureErrand } from '../compose-azure.ts';
import { identityName } from './azure-identity.ts';
import { ok, warn, type Step } from './finding.ts';
import { deadWebhooksSaid, mostNamed, overdueSaid } from './run-database.ts';

const tablesName = 'Table storage';
const queueName = 'Queue storage';

/** The sweep comes every hour at the latest. */
const overdueMs = 90 * 60_000;
/** As many of the latest runs are looked through for webhooks that were given up: each is a record that is read. */
const lookedThrough = 200;
/** No run has this id: a wake-up of it is dropped by whoever gets it. */
const nobody = '00000000000000000000000000';

/** That each service can be read and written, and what is in the queue and the tables that should not be. */
export function azureStorageSteps(
  config: AzureConfig,
  { context, queue }: AzureErrand,
  { clock, credential }: { clock: Clock; credential: TokenCredential },
): Step[] {
  const { account, queue: name, tasksContainer, exchangesContainer, tablePrefix } = config.storage;
  const needs = [identityName];
  return [
    {
      name: 'Blob storage',
      needs,
      look: async (signal) => {
        await context.artifacts.check({ signal });
        return [ok(`${tasksContainer} and ${exchangesContainer} can be written, and addresses can be signed`)];
      },
    },
    {
      name: tablesName,
      needs,
      look: async (signal) => {
        await context.storage.check({ signal });
        return [ok(`the tables ${tablePrefix}… can be written`)];
      },
    },
    {
      name: queueName,
      needs,
      look: async (signal) => {
        const connection = 'connectionString' in account ? account : { endpoint: account.queues, credential };
        const access = queueAccess(connection, name, clock);
        await access.probe(encodeWakeUp({ runId: nobody, wakeId: 'doctor' }, clock.now()), { signal });
        const count = await access.count({ signal });
        return [ok(`${name} can be written; about ${count} messages wait in it, hidden ones included`)];
      },
    },
    {
      name: 'poison messages',
      needs: [queueName],
      look: async (signal) => {
        const { count, sample } = await queue.poison({ signal });
        if (count === 0) return [ok(`none in ${name}-poison`)];
        const reasons = [...new Set(sample.map(({ why }) => why))].join('; ');
        return [
          warn(
            `about ${count} in ${name}-poison: ${reasons}`,
            `The log of the function app says why they failed. No run is lost by it: the sweep looks after each. When the cause is mended: "az storage message clear --queue-name ${name}-poison".`,
          ),
        ];
      },
    },
    {
      name: 'open runs',
      needs: [tablesName],
      look: async (signal) => {
        const dueBefore = instant(clock.now() - overdueMs);
        const found = await context.storage.openRuns({ dueBefore, limit: mostNamed + 1 }, { signal });
        return [
          overdueSaid(
            found.map(({ id }) => id),
            overdueMs,
            'Neither the queue nor the hourly timer gets to them: look whether the function app runs, and into its log.',
          ),
        ];
      },
    },
    {
      name: 'webhooks',
      needs: [tablesName],
      look: async (signal) => {
        const { runs } = await context.storage.listRuns({}, { limit: lookedThrough }, { signal });
        const dead = runs.filter(({ webhooks = [] }) => webhooks.some(({ state }) => state === 'dead'));
        return [deadWebhooksSaid(dead.map(({ id }) => id))];
      },
    },
    {
      name: 'secret key',
      look: async () => {
        if (config.secretKey === undefined)
          return [
            ok(
              'kept in the tables: whoever may read the whole account can read it. ERRAND_SECRET_KEY keeps it elsewhere',
            ),
          ];
        sealer(config.secretKey);
        return [ok('32 bytes, from ERRAND_SECRET_KEY')];
      },
    },
  ];
}

/** Of the blob service, as the SDK takes it from a connection string. */
export function blobAddress(account: AzureStorageConfig['account']): string {
  if ('blobs' in account) return account.blobs;
  const part = (name: string): string | undefined =>
    new RegExp(String.raw`(?:^|;)\s*${name}=([^;]+)`, 'i').exec(account.connectionString)?.[1];
  const name = part('AccountName');
  if (name === undefined) return 'http://127.0.0.1:10000/devstoreaccount1';
  return (
    part('BlobEndpoint') ??
    `${part('DefaultEndpointsProtocol') ?? 'https'}://${name}.blob.${part('EndpointSuffix') ?? 'core.windows.net'}`
  );
}
