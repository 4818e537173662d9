import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import { instant, type Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { RunnerAccess } from '../core/ports/artifact-store.ts';
import { type ListedRunner, type RunnerDriver, type RunnerSpec } from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { graceMarginSeconds, type HostFacts, runnerLabels } from './docker-container-options.ts';
import { removeContainer, waitForEnd } from './docker-end.ts';
import { type DockerConnection, dockerEngine } from './docker-engine.ts';
import { EngineAnswer } from './docker-errors.ts';
import { endedRuns } from './docker-events.ts';
import { ensureImage } from './docker-image.ts';
import { ensureIsolatedNetwork } from './docker-network.ts';
import { inspectContainer, isOurs, observeContainer } from './docker-observe.ts';
import { publishRunnerScript } from './docker-script.ts';
import { startContainer } from './docker-start.ts';
import { proveVisible } from './docker-visibility.ts';

export interface DockerRunnerOptions {
  connection: DockerConnection;
  /** Absolute path of `script-runner.sh`. */
  runnerScript: string;
  /** Directory below which all exchanges and executables lie; a copy of the runner script is put there too. */
  directory: string;
  /** The same directory on the machine of the engine, where it has another path there. The artifact store is told too: its exchanges come with the paths of that machine. */
  engineDirectory?: string | undefined;
  /** Where `docker login` left its `config.json`; without it, images are pulled without a login. */
  dockerConfigDirectory?: string | undefined;
  /** Kinds of exchange to offer. Default: directory. */
  exchanges?: readonly RunnerAccess['kind'][];
  /** Runners at once. */
  maximumRunners: number;
  logger: Logger;
  clock: Clock;
}

interface Ready {
  engineId: string;
  cpus: number;
  runnerScript: string;
}

/** Runners as containers of a Docker engine (20.10 or newer). */
export function dockerRunner(options: DockerRunnerOptions): RunnerDriver {
  const { logger, clock, directory } = options;
  const exchanges = options.exchanges ?? ['directory'];
  const engine = dockerEngine(options.connection, clock);
  const shared = { path: directory, enginePath: options.engineDirectory ?? directory };
  let ready: Ready | undefined;
  /** Digests of images that are known to have a shell. */
  const withShell = new Set<string>();

  /** What has to be true before a container is created; proven once per engine. */
  async function prepare({ signal }: Cancelable): Promise<Ready> {
    const info: unknown = await engine.call('describe itself', { signal, timeoutMs: 10_000 }, async (docker) =>
      docker.info(),
    );
    const { id, cpus, system } = readInfo(info);
    if (ready?.engineId === id) return ready;
    if (system !== 'linux') {
      throw new ErrandError(
        'invalidConfiguration',
        `Docker at ${engine.address} runs ${system} containers; Errand needs Linux containers.`,
      );
    }
    const script = await publishRunnerScript(options.runnerScript, directory);
    await proveVisible(engine, shared, clock, { signal });
    await ensureIsolatedNetwork(engine, { signal });
    ready = { engineId: id, cpus, runnerScript: join(shared.enginePath, script) };
    return ready;
  }

  async function hostFacts(spec: RunnerSpec, cancelable: Cancelable): Promise<HostFacts> {
    const { cpus, runnerScript } = ready ?? (await prepare(cancelable));
    const { access } = spec;
    return {
      cpus,
      runnerScript,
      exchange: access.kind === 'directory' ? { directory: access.exchange, executable: access.executable } : undefined,
      network: spec.container.network === 'none' ? undefined : await ensureIsolatedNetwork(engine, cancelable),
    };
  }

  return {
    name: 'docker',
    capabilities: {
      isolation: true,
      exchanges,
      view: 'mounted',
      identity: false,
      networks: ['default', 'none'],
      containerWishes: ['user', 'readOnlyRoot', 'capabilities'],
      minimumCpu: 0.1,
      maximumCpu: 31,
      minimumMemoryInGB: 0.0625,
      maximumMemoryInGB: 240,
      places: [{ name: 'local', runners: options.maximumRunners }],
    },

    async check(cancelable = {}) {
      await prepare(cancelable);
    },

    async create(spec, { signal, progress = () => {} } = {}) {
      const host = await hostFacts(spec, { signal });
      const { imageDigest, ...pull } = await ensureImage(engine, spec.image, {
        signal,
        clock,
        logger,
        progress,
        configDirectory: options.dockerConfigDirectory,
      });
      const started = await startContainer(engine, spec, { signal, clock, host, imageDigest, withShell, progress });
      return { ...started, ...pull };
    },

    async observe(name, cancelable = {}) {
      return observeContainer(engine, name, cancelable);
    },

    async stop(name, { graceSeconds, signal }) {
      const found = await inspectContainer(engine, name, { signal });
      if (found === undefined || !isOurs(found) || !found.State.Running) return;
      const seconds = graceSeconds + graceMarginSeconds;
      try {
        await engine.call(
          `stop the container ${name}`,
          { signal, handles: [304, 404], timeoutMs: (seconds + 30) * 1000 },
          async (docker, abortSignal) => docker.getContainer(found.Id).stop({ t: seconds, abortSignal }),
        );
      } catch (error) {
        if (!(error instanceof EngineAnswer)) throw error;
      }
      if (await waitForEnd(engine, clock, found.Id, { signal })) return;
      throw new ErrandError(
        'platformUnavailable',
        `Docker was asked to stop the container ${name} and it still runs: look at "docker ps" and the engine's log.`,
      );
    },

    async remove(name, { signal } = {}) {
      const found = await inspectContainer(engine, name, { signal });
      if (found === undefined) return;
      if (isOurs(found)) return removeContainer(engine, clock, { id: found.Id, name }, { signal });
      logger.warn({ name, containerId: found.Id }, `The container ${name} is not one of Errand's and was left alone`);
    },

    async *list({ instanceId }, { signal } = {}) {
      const found = await engine.call('list containers', { signal }, async (docker, abortSignal) =>
        docker.listContainers({
          all: true,
          filters: { label: [`${runnerLabels.instance}=${instanceId}`] },
          abortSignal,
        }),
      );
      for (const { Names, Labels, Created } of found) {
        const listed = toListed(Names[0], Labels, Created);
        if (listed !== undefined) yield listed;
      }
    },

    watch: (query) => endedRuns(engine, { ...query, clock, logger }),

    async close() {
      engine.close();
    },
  };
}

function toListed(
  path: string | undefined,
  labels: Record<string, string>,
  createdSeconds: number,
): ListedRunner | undefined {
  const runId = labels[runnerLabels.run];
  const attempt = Number(labels[runnerLabels.attempt]);
  if (path === undefined || runId === undefined || !Number.isInteger(attempt)) return undefined;
  return { name: path.replace(/^\//, ''), runId, attempt, createdAt: instant(createdSeconds * 1000) };
}

function readInfo(info: unknown): { id: string; cpus: number; system: string } {
  const { ID, NCPU, OSType } = (typeof info === 'object' && info !== null ? info : {}) as {
    ID?: unknown;
    NCPU?: unknown;
    OSType?: unknown;
  };
  return {
    id: typeof ID === 'string' ? ID : '',
    cpus: typeof NCPU === 'number' && NCPU > 0 ? NCPU : 1,
    system: typeof OSType === 'string' ? OSType : 'unknown',
  };
}
