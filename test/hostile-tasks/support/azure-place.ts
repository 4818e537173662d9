import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { dockerEngine, startEmulator } from '../../../emulator/server.ts';
import { dockerClient } from '../../../scripts/docker-client.ts';
import { azureBlobs } from '../../../src/artifacts/azure-blobs.ts';
import { createClient } from '../../../src/client/client.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { runnerAddress } from '../../../src/entry/local-azure/runner-address.ts';
import { azureTablesStorage } from '../../../src/storage/azure-tables.ts';
import { containerWay } from '../../crash/support/azure-containers.ts';
import { startAzurite } from '../../support/azurite.ts';
import { dockerHost } from '../../support/engine.ts';
import { openEngine } from './open-engine.ts';
import { startOrchestrator } from './orchestrator-process.ts';
import { secretPrefix, type Loosen, type Place } from './place.ts';
import { startTally } from './tally.ts';

const groupLabel = 'errand.aci-emulator.group';
const prefix = 'hostile';

/** Errand on tables, blobs and container groups, which are containers. With `loosen` they get more than the emulator has asked for. */
export async function azurePlace(loosen?: (secret: string) => Loosen): Promise<Place> {
  const docker = dockerClient(dockerHost());
  const directory = await mkdtemp(join(tmpdir(), 'errand-hostile-tasks-'));
  const secret = `${secretPrefix}${randomBytes(12).toString('hex')}`;
  const open = loosen === undefined ? undefined : await openEngine(directory, loosen(secret));
  const azurite = await startAzurite();
  const { connectionString } = azurite;
  const way = await containerWay(dockerHost(), azurite);
  const tally = await startTally(
    await runnerAddress(serverConfig({ DOCKER_HOST: dockerHost() }, { driver: 'docker' }).docker.connection),
  );
  const emulator = await startEmulator({
    engine: dockerEngine({ host: open?.host ?? dockerHost() }),
    switches: { pendingMs: 0, pullMs: 0 },
  });
  const containers = { tasksContainer: `${prefix}-tasks`, exchangesContainer: `${prefix}-exchanges` };
  const orchestrator = await startOrchestrator([join(import.meta.dirname, 'azure-server.ts')], {
    ERRAND_STORAGE_CONNECTION_STRING: connectionString,
    ERRAND_RUNNER_BLOB_ENDPOINT: way.blobEndpoint,
    ERRAND_TABLE_PREFIX: prefix,
    ERRAND_TASKS_CONTAINER: containers.tasksContainer,
    ERRAND_EXCHANGES_CONTAINER: containers.exchangesContainer,
    ERRAND_QUEUE: `${prefix}-work`,
    ERRAND_SUBSCRIPTION_ID: '00000000-0000-4000-8000-000000000000',
    ERRAND_RESOURCE_GROUP: 'runs',
    ERRAND_ARM_ENDPOINT: emulator.url,
    ERRAND_SECRET_Hostile: secret,
  });
  return {
    name: 'container groups',
    client: createClient({ url: orchestrator.url }),
    orchestrator,
    tally,
    docker,
    image: way.image,
    leastMemoryInGB: 1,
    secret,
    directory: undefined,
    find: async (group) => {
      const found = await docker.listContainers({ filters: { label: [`${groupLabel}=${group}`] } });
      const network = found.find(({ Names }) => Names.some((name) => name.endsWith('-pause')));
      const own = found.find((container) => container !== network);
      return own === undefined || network === undefined ? undefined : { own: own.Id, network: network.Id };
    },
    evidence: async () => {
      const connection = { connectionString };
      const storage = azureTablesStorage({ connection, prefix, clock: systemClock });
      // The emulator's own label, and a group of ours: others may share the engine.
      const runners = (await storage.listRuns({}, { limit: 100 })).runs.flatMap(({ attempts }) =>
        attempts.map(({ containerName }) => `${groupLabel}=${containerName}`),
      );
      const left: string[] = [];
      for (const label of runners) {
        const found = await docker.listContainers({ all: true, filters: { label: [label] } });
        left.push(...found.flatMap(({ Names }) => Names));
      }
      return {
        storage,
        artifacts: azureBlobs({ connection, ...containers, clock: systemClock }),
        left,
        close: () => storage.close(),
      };
    },
    close: async () => {
      await orchestrator.stop();
      await emulator.close();
      await open?.close();
      await way.close();
      await tally.close();
      await azurite.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
