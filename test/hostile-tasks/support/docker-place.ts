import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { filesystemArtifacts } from '../../../src/artifacts/filesystem.ts';
import { createClient } from '../../../src/client/client.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { runnerAddress } from '../../../src/entry/local-azure/runner-address.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { cliFile } from '../../entry/support/cli.ts';
import { ensureCurlImage } from '../../runners/support/curl-image.ts';
import { dockerHost } from '../../support/engine.ts';
import { openEngine } from './open-engine.ts';
import { startOrchestrator } from './orchestrator-process.ts';
import { secretPrefix, type Loosen, type Place } from './place.ts';
import { startTally } from './tally.ts';

/** `errand serve` with SQLite, a directory and Docker. With `loosen` its containers get more than it has asked for. */
export async function dockerPlace(loosen?: (secret: string) => Loosen): Promise<Place> {
  const docker = dockerClient(dockerHost());
  const image = await ensureCurlImage(docker);
  const directory = await mkdtemp(join(tmpdir(), 'errand-hostile-tasks-'));
  const data = join(directory, 'data');
  const secret = `${secretPrefix}${randomBytes(12).toString('hex')}`;
  const open = loosen === undefined ? undefined : await openEngine(directory, loosen(secret));
  const tally = await startTally(
    await runnerAddress(serverConfig({ DOCKER_HOST: dockerHost() }, { driver: 'docker' }).docker.connection),
  );
  const orchestrator = await startOrchestrator([cliFile, 'serve'], {
    ERRAND_DRIVER: 'docker',
    ERRAND_PORT: '0',
    ERRAND_DATA_DIR: data,
    ERRAND_LOG_LEVEL: 'warn',
    ERRAND_SECRET_Hostile: secret,
    DOCKER_HOST: open?.host ?? dockerHost(),
  });
  return {
    name: 'docker',
    client: createClient({ url: orchestrator.url }),
    orchestrator,
    tally,
    docker,
    image,
    leastMemoryInGB: 0.1,
    secret,
    directory: data,
    find: async (runner) => {
      const found = await docker.listContainers({ filters: { name: [`^/${runner}$`] } });
      return found[0] === undefined ? undefined : { own: found[0].Id, network: found[0].Id };
    },
    evidence: async () => {
      const storage = sqliteStorage({ path: join(data, 'errand.db'), clock: systemClock, logger: silentLogger });
      const filters = { label: [`errand.instance=${await storage.instanceId()}`] };
      const containers = await docker.listContainers({ all: true, filters });
      return {
        storage,
        artifacts: filesystemArtifacts({ directory: data, clock: systemClock }),
        left: containers.flatMap(({ Names }) => Names),
        close: () => storage.close(),
      };
    },
    close: async () => {
      await orchestrator.stop();
      await open?.close();
      await tally.close();
      await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
