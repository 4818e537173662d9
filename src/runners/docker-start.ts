import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import { type CreatedRunner, type RunnerSpec, StartRefused } from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { type HostFacts, toContainerOptions } from './docker-container-options.ts';
import { removeContainer } from './docker-end.ts';
import type { DockerEngine } from './docker-engine.ts';
import { EngineAnswer } from './docker-errors.ts';
import { inspectContainer, isOf, wasStarted } from './docker-observe.ts';

export interface StartOptions extends Cancelable {
  clock: Clock;
  host: HostFacts;
  imageDigest: string;
  /** Digests of images that are known to have a shell; added to. */
  withShell: Set<string>;
  progress: (phase: string) => void;
}

const rememberedImages = 1000;

/** Creates one container and starts it, each by one request. */
export async function startContainer(
  engine: DockerEngine,
  spec: RunnerSpec,
  options: StartOptions,
): Promise<CreatedRunner> {
  const { signal, clock, host, imageDigest, progress } = options;
  progress('creating the container');
  const created = await createContainer(engine, spec, host, { signal });
  if (created === 'taken') return { ...(await adopt(engine, spec, { signal })), imageDigest };
  progress('starting the container');
  await requireShell(engine, created.id, spec, options);
  await startOnce(engine, clock, created.id, spec, { signal });
  return { containerId: created.id, imageDigest };
}

/** Answers with the id of a new container, or with `taken` where somebody has made one of this name. */
async function createContainer(
  engine: DockerEngine,
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
async function adopt(engine: DockerEngine, spec: RunnerSpec, cancelable: Cancelable): Promise<CreatedRunner> {
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
async function startOnce(
  engine: DockerEngine,
  clock: Clock,
  id: string,
  spec: RunnerSpec,
  { signal }: Cancelable,
): Promise<void> {
  try {
    await engine.call(
      `start the container ${spec.name}`,
      { signal, handles: [400, 403, 404, 409, 500], timeoutMs: 120_000 },
      async (docker, abortSignal) => docker.getContainer(id).start({ abortSignal }),
    );
  } catch (error) {
    if (!(error instanceof EngineAnswer)) throw error;
    await removeContainer(engine, clock, { id, name: spec.name }, { signal });
    throw startRefused(spec, error);
  }
}

/** The init process that the engine adds hides a missing shell until after the start. */
async function requireShell(
  engine: DockerEngine,
  id: string,
  spec: RunnerSpec,
  { signal, clock, imageDigest, withShell }: StartOptions,
): Promise<void> {
  if (withShell.has(imageDigest)) return;
  try {
    await engine.call(`look for /bin/sh in ${spec.image}`, { signal, handles: [404] }, async (docker, abortSignal) =>
      docker.getContainer(id).infoArchive({ path: '/bin/sh', abortSignal }),
    );
  } catch (error) {
    if (!(error instanceof EngineAnswer)) throw error;
    await removeContainer(engine, clock, { id, name: spec.name }, { signal });
    throw new StartRefused(
      'startError',
      `The image ${spec.image} has no /bin/sh, which the runner needs: use an image with a POSIX shell.`,
      { permanent: true, cause: error },
    );
  }
  if (withShell.size >= rememberedImages) withShell.clear();
  withShell.add(imageDigest);
}

function startRefused(spec: RunnerSpec, cause: EngineAnswer): StartRefused {
  const said = `Docker says: ${cause.message}`;
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
