import { join, relative } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import { instant, type Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { RunnerAccess } from '../core/ports/artifact-store.ts';
import {
  type CreatedRunner,
  type ListedRunner,
  type RunnerDriver,
  type RunnerSpec,
  StartRefused,
} from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { graceMarginSeconds, type HostFacts, runnerLabels, toContainerOptions } from './docker-container-options.ts';
import { type DockerConnection, dockerEngine } from './docker-engine.ts';
import { EngineAnswer } from './docker-errors.ts';
import { endedRuns } from './docker-events.ts';
import { ensureImage } from './docker-image.ts';
import { ensureIsolatedNetwork } from './docker-network.ts';
import { inspectContainer, isOf, isOurs, observeContainer, wasStarted } from './docker-observe.ts';
import { publishRunnerScript } from './docker-script.ts';
import { proveVisible } from './docker-visibility.ts';

export interface DockerRunnerOptions {
  connection: DockerConnection;
  /** Absolute path of `script-runner.sh`. */
  runnerScript: string;
  /** Directory below which all exchanges and executables lie; a copy of the runner script is put there too. */
  directory: string;
  /** The same directory on the machine of the engine, where it has another path there. */
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

const removalMs = 30_000;
const lookAgainMs = 100;

/** Runners as containers of a Docker engine (20.10 or newer). */
export function dockerRunner(options: DockerRunnerOptions): RunnerDriver {
  const { logger, clock, directory } = options;
  const exchanges = options.exchanges ?? ['directory'];
  const engine = dockerEngine(options.connection, clock);
  const shared = { path: directory, enginePath: options.engineDirectory ?? directory };
  let ready: Ready | undefined;

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

  function onEngine(path: string): string {
    if (shared.enginePath === shared.path) return path;
    const inside = relative(shared.path, path);
    if (!inside.startsWith('..')) return join(shared.enginePath, inside);
    throw new ErrandError(
      'invalidConfiguration',
      `${path} is not below ${shared.path}, so its path on the engine's machine is not known: keep all data in one directory.`,
    );
  }

  async function hostFacts(spec: RunnerSpec, cancelable: Cancelable): Promise<HostFacts> {
    const { cpus, runnerScript } = ready ?? (await prepare(cancelable));
    const { access } = spec;
    return {
      cpus,
      runnerScript,
      exchange:
        access.kind === 'directory'
          ? { directory: onEngine(access.exchange), executable: onEngine(access.executable) }
          : undefined,
      network: spec.container.network === 'none' ? undefined : await ensureIsolatedNetwork(engine, cancelable),
    };
  }

  /** Answers with the id of a new container, or with `taken` where somebody has made one of this name. */
  async function createContainer(
    spec: RunnerSpec,
    host: HostFacts,
    { signal }: Cancelable,
  ): Promise<{ id: string } | 'taken'> {
    try {
      const { id } = await engine.call(
        `create the container ${spec.name}`,
        { signal, handles: [400, 404, 409] },
        async (docker, abortSignal) => docker.createContainer({ ...toContainerOptions(spec, host), abortSignal }),
      );
      return { id };
    } catch (error) {
      if (!(error instanceof EngineAnswer)) throw error;
      if (error.status === 409) return 'taken';
      if (error.status === 404)
        throw new StartRefused(
          'imageUnavailable',
          `The image ${spec.image} vanished before it could be used: ${error.message}.`,
          { permanent: false, cause: error },
        );
      throw new StartRefused('startError', `Docker refused the container: ${error.message}.`, {
        permanent: !/mount/i.test(error.message),
        cause: error,
      });
    }
  }

  /** Somebody else has created, and alone may start, what has the name. */
  async function adopt(spec: RunnerSpec, cancelable: Cancelable): Promise<CreatedRunner> {
    const found = await inspectContainer(engine, spec.name, cancelable);
    if (found !== undefined && !isOf(found, spec)) {
      throw new StartRefused(
        'nameConflict',
        `A container named ${spec.name} exists that is not of this attempt; it was left alone. Remove it, or see who made it.`,
        { permanent: true },
      );
    }
    if (found !== undefined && wasStarted(found)) return { containerId: found.Id };
    throw new ErrandError(
      'platformUnavailable',
      `The container ${spec.name} was created by somebody else a moment ago and is not started yet: it will be looked at again.`,
    );
  }

  /**
   * Sends one start, and never another: a start of a container that has ended runs it again (measured on 20.10), and the answer of the
   * first may be what got lost.
   */
  async function startOnce(id: string, spec: RunnerSpec, { signal }: Cancelable): Promise<void> {
    try {
      await engine.call(
        `start the container ${spec.name}`,
        { signal, handles: [400, 403, 404, 409, 500], timeoutMs: 120_000 },
        async (docker, abortSignal) => docker.getContainer(id).start({ abortSignal }),
      );
    } catch (error) {
      if (!(error instanceof EngineAnswer)) throw error;
      await removeById(id, spec.name, { signal });
      throw startRefused(spec, error);
    }
  }

  async function removeById(id: string, name: string, { signal }: Cancelable): Promise<void> {
    const deadline = clock.monotonic() + removalMs;
    let last: unknown;
    do {
      try {
        await engine.call(
          `remove the container ${name}`,
          { signal, handles: [404, 409, 500] },
          async (docker, abortSignal) => docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
        );
      } catch (error) {
        if (!(error instanceof EngineAnswer)) throw error;
        last = error;
      }
      if ((await inspectContainer(engine, id, { signal })) === undefined) return;
      await clock.sleep(lookAgainMs, { signal });
    } while (clock.monotonic() < deadline);
    throw new ErrandError(
      'platformUnavailable',
      `Docker does not get rid of the container ${name}${last instanceof Error ? `: ${last.message}` : ''}. Look at it with "docker inspect ${name}".`,
      { cause: last },
    );
  }

  async function waitForEnd(id: string, { signal }: Cancelable): Promise<boolean> {
    const deadline = clock.monotonic() + removalMs;
    do {
      const found = await inspectContainer(engine, id, { signal });
      if (found === undefined || !found.State.Running) return true;
      await clock.sleep(lookAgainMs, { signal });
    } while (clock.monotonic() < deadline);
    return false;
  }

  return {
    name: 'docker',
    capabilities: {
      isolation: true,
      exchanges,
      view: 'mounted',
      identity: false,
      networks: ['default', 'none'],
      minimumCpu: 0.1,
      maximumCpu: 31,
      minimumMemoryInGB: 0.0625,
      maximumMemoryInGB: 240,
      maximumRunners: options.maximumRunners,
    },

    async check(cancelable = {}) {
      await prepare(cancelable);
    },

    async create(spec, { signal, progress = () => {} } = {}) {
      const host = await hostFacts(spec, { signal });
      const imageDigest = await ensureImage(engine, spec.image, {
        signal,
        clock,
        logger,
        progress,
        configDirectory: options.dockerConfigDirectory,
      });
      progress('creating the container');
      const created = await createContainer(spec, host, { signal });
      if (created === 'taken') return { ...(await adopt(spec, { signal })), imageDigest };
      progress('starting the container');
      await startOnce(created.id, spec, { signal });
      return { containerId: created.id, imageDigest };
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
      if (await waitForEnd(found.Id, { signal })) return;
      throw new ErrandError(
        'platformUnavailable',
        `Docker was asked to stop the container ${name} and it still runs: look at "docker ps" and the engine's log.`,
      );
    },

    async remove(name, { signal } = {}) {
      const found = await inspectContainer(engine, name, { signal });
      if (found === undefined) return;
      if (isOurs(found)) return removeById(found.Id, name, { signal });
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

function startRefused(spec: RunnerSpec, cause: EngineAnswer): StartRefused {
  const said = `Docker says: ${cause.message}`;
  if (/"\/bin\/sh"|\/bin\/sh: /.test(cause.message)) {
    return new StartRefused(
      'startError',
      `The image ${spec.image} has no /bin/sh, which the runner needs: use an image with a POSIX shell. ${said}`,
      { permanent: true, cause },
    );
  }
  if (/unable to find (user|group)|no matching entries in (passwd|group)/i.test(cause.message)) {
    return new StartRefused(
      'startError',
      `The image ${spec.image} does not know the user ${spec.container.user ?? 'that it names'}: correct container.user, or give it as a number. ${said}`,
      { permanent: true, cause },
    );
  }
  const permanent = /oci runtime|runc|exec format|invalid/i.test(cause.message);
  return new StartRefused('startError', `The container could not be started. ${said}`, { permanent, cause });
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
