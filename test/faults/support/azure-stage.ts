import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { azureBlobs } from '../../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { azureConfig } from '../../../src/entry/azure-config.ts';
import { composeAzure } from '../../../src/entry/compose-azure.ts';
import { azureTablesStorage } from '../../../src/storage/azure-tables.ts';
import { removeAtRest } from '../../crash/support/azure-at-rest.ts';
import { resourceGroup, shortAzureDriver, subscriptionId } from '../../crash/support/azure-driver.ts';
import { groupsOf, removeGroup } from '../../crash/support/azure-groups.ts';
import { azureWorld } from '../../crash/support/azure-world.ts';
import { endProcess, processesOf } from '../../crash/support/processes.ts';
import type { Write } from '../../promise/evidence.ts';
import { azuriteAccount, connectionString, startAzurite } from '../../support/azurite.ts';
import { withWrites } from '../../promise/with-writes.ts';
import type { OpenWorld } from './cell.ts';
import { faultProxy } from './fault-proxy.ts';
import { faultPolicy, impatient } from './short-times.ts';
import { taskFiles } from './tasks.ts';
import { azureWires } from './wires.ts';

export interface AzureStage {
  open: OpenWorld;
  close(): Promise<void>;
}

const silenceMs = 1_500;
let worlds = 0;

/** Azurite and the emulator, each behind proxies of its own for every scenario. Runners reach Blob storage directly. */
export async function azureStage(): Promise<AzureStage> {
  const azurite = await startAzurite();
  const { emulator, close } = await azureWorld({ azurite, weather: 'calm' });

  const open: OpenWorld = async ({ injector, variant = {}, policy = {} }) => {
    const directory = await mkdtemp(join(tmpdir(), 'errand-faults-'));
    const notes = join(directory, 'executions');
    await writeFile(notes, '');
    const prefix = `f${(worlds += 1)}x`;
    const proxyTo = (wire: keyof typeof azureWires, target: string) =>
      faultProxy({ wire: azureWires[wire], injector, target, silenceMs });
    const [blob, table, queue, arm] = await Promise.all([
      proxyTo('blob', azurite.blobUrl),
      proxyTo('table', azurite.tableUrl),
      proxyTo('queue', azurite.queueUrl),
      proxyTo('arm', emulator.url),
    ]);
    const account = (proxy: { url: string }): string => `${proxy.url}/${azuriteAccount}`;
    const names = { tasksContainer: `${prefix}-tasks`, exchangesContainer: `${prefix}-exchanges` };
    const connection = { connectionString: azurite.connectionString };
    const plain = {
      // Nothing is accepted any more when it reads the index of open runs: what says too much there may be put right at once.
      storage: azureTablesStorage({ connection, prefix, clock: systemClock, graceMs: 0 }),
      artifacts: azureBlobs({ connection, ...names, clock: systemClock }),
    };
    for (const [name, content] of taskFiles('azure')) await plain.artifacts.put(name, Buffer.from(content));

    const writes: Write[] = [];
    const config = azureConfig({
      ERRAND_STORAGE_CONNECTION_STRING: connectionString({
        blobUrl: account(blob),
        tableUrl: account(table),
        queueUrl: account(queue),
      }),
      ERRAND_RUNNER_BLOB_ENDPOINT: azurite.blobUrl,
      ERRAND_TABLE_PREFIX: prefix,
      ERRAND_QUEUE: `${prefix}-work`,
      ERRAND_TASKS_CONTAINER: names.tasksContainer,
      ERRAND_EXCHANGES_CONTAINER: names.exchangesContainer,
      ERRAND_NAME_PREFIX: prefix,
      ERRAND_SUBSCRIPTION_ID: subscriptionId,
      ERRAND_RESOURCE_GROUP: resourceGroup,
      ERRAND_ARM_ENDPOINT: arm.url,
    });
    const setting = { driver: 'azure', scenario: 'success', data: '', notes: directory, dockerHost: arm.url } as const;
    const errand = await composeAzure(
      { ...config, policy: { ...faultPolicy, ...policy } },
      {
        logger: silentLogger,
        clock: impatient(15_000),
        decorate: (context) => {
          const { above = same, below = same } = variant;
          const driver = shortAzureDriver(setting, context);
          return above(withWrites(below({ ...context, driver }, directory), (write) => writes.push(write)));
        },
      },
    );
    await errand.orchestrator.ready();
    await errand.orchestrator.start();
    return {
      driver: 'azure',
      orchestrator: errand.orchestrator,
      plain,
      injector,
      tally: notes,
      notes,
      writes,
      left: () => groupsOf(emulator, `${prefix}-`),
      close: async () => {
        await errand.close();
        await plain.storage.close();
        for (const proxy of [blob, table, queue, arm]) await proxy.close();
        for (const name of await groupsOf(emulator, `${prefix}-`)) await removeGroup(emulator, name);
        for (const pid of processesOf(directory)) endProcess(pid);
        await removeAtRest(azurite.connectionString, prefix);
        await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      },
    };
  };

  return {
    open,
    close: async () => {
      await close();
      await azurite.stop();
    },
  };
}

function same<T>(context: T): T {
  return context;
}
