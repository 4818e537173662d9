import { dockerEngine, type EngineFactory } from '../../emulator/server.ts';
import { curlImage } from '../../scripts/images.ts';
import { azureBlobs } from '../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { ArtifactStore } from '../../src/core/ports/artifact-store.ts';
import { blobGateway } from '../../src/entry/functions/host/blob-gateway.ts';
import { localStorage } from '../../src/entry/local-azure/azurite.ts';
import { runnerAddress } from '../../src/entry/local-azure/runner-address.ts';
import type { LeapingClock } from './leaping-clock.ts';

/** Containers of a Docker engine, in which the real runner meets us in Blob storage. */
export interface RealRunners {
  engine: EngineFactory;
  artifacts: ArtifactStore;
  close(): Promise<void>;
}

export const realTask = { taskName: 'Real', dockerImage: curlImage, scriptName: 'real.sh' } as const;
export const realExecutable = '#!/bin/sh\necho "from a container"\n';

export async function realRunners(dockerHost: string, clock: LeapingClock, logger: Logger): Promise<RealRunners> {
  const { listen, seen } = await runnerAddress(connectionOf(dockerHost));
  const storage = await localStorage({ environment: process.env, clock: systemClock });
  const gateway = await blobGateway({
    target: storage.blobs,
    host: listen,
    seenAs: seen,
    onCreated: async () => undefined,
    onError: (error) => logger.warn({ err: error }, 'a runner did not get through to Azurite'),
  });
  return {
    engine: holdingTime(dockerEngine({ host: dockerHost }), clock),
    artifacts: azureBlobs({
      connection: { connectionString: storage.connectionString },
      runnerEndpoint: gateway.url,
      clock,
      logger,
      pollMs: 250,
    }),
    close: async () => {
      await gateway.close();
      await storage.close();
    },
  };
}

/** Containers live in the time of this machine: while there is one, none may be leapt over. */
function holdingTime(factory: EngineFactory, clock: LeapingClock): EngineFactory {
  return (services) => {
    const engine = factory(services);
    return {
      ...engine,
      async open(group) {
        const release = clock.hold();
        try {
          const sandbox = await engine.open(group);
          return {
            ...sandbox,
            async start(container) {
              const process = await sandbox.start(container);
              void process.exit.then(release);
              return process;
            },
            async close() {
              release();
              await sandbox.close();
            },
          };
        } catch (error) {
          release();
          throw error;
        }
      },
    };
  };
}

/** Groups of the image of {@link realTask} on one engine, all others on another. */
export function engineByImage(real: EngineFactory, others: EngineFactory): EngineFactory {
  return (services) => {
    const [docker, instant] = [real(services), others(services)];
    const engineOf = (image: string) => (image === realTask.dockerImage ? docker : instant);
    return {
      hasImage: (image) => engineOf(image).hasImage(image),
      images: () => docker.images(),
      open: (group) => engineOf(group.first.image).open(group),
      close: async () => {
        await docker.close();
        await instant.close();
      },
    };
  };
}

/** Files of {@link realTask} and exchanges of its runs in one store, everything else in another. */
export function storeByTask(
  real: ArtifactStore,
  others: ArtifactStore,
  isReal: (runId: string) => boolean,
): ArtifactStore {
  const ofFile = (name: string) => (/^real\./i.test(name) ? real : others);
  const ofRun = (runId: string) => (isReal(runId) ? real : others);
  return {
    get: (name, given) => ofFile(name).get(name, given),
    describe: (name, given) => ofFile(name).describe(name, given),
    put: (name, body, given) => ofFile(name).put(name, body, given),
    delete: (name, given) => ofFile(name).delete(name, given),
    async *list(given) {
      yield* real.list(given);
      yield* others.list(given);
    },
    versions: others.versions,
    exchange: (ref) => ofRun(ref.runId).exchange(ref),
    deleteRun: (runId, given) => ofRun(runId).deleteRun(runId, given),
    async *listRuns(given) {
      yield* real.listRuns(given);
      yield* others.listRuns(given);
    },
    check: async (given) => {
      await Promise.all([real.check(given), others.check(given)]);
    },
  };
}

function connectionOf(dockerHost: string): { socketPath: string } | { host: string; port: number } {
  if (dockerHost.startsWith('unix://')) return { socketPath: dockerHost.slice('unix://'.length) };
  const { hostname, port } = new URL(dockerHost);
  return { host: hostname, port: Number(port) };
}
