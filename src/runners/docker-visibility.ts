import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { DockerEngine } from './docker-engine.ts';
import { EngineAnswer, isAnswer } from './docker-errors.ts';

export interface SharedDirectory {
  /** As this process sees it. */
  path: string;
  /** The same directory as the engine's host sees it. */
  enginePath: string;
}

const canaryImage = 'errand-canary:local';
const canaryLabel = 'errand.canary';
const staleSeconds = 600;
const emptyTar = Buffer.alloc(1024);

/**
 * Proves that the engine sees our directory, and not one of the same name on another machine: a random word is written here and read
 * back through a container that is created with the directory mounted, and never started.
 */
export async function proveVisible(
  engine: DockerEngine,
  shared: SharedDirectory,
  clock: Clock,
  options: Cancelable,
): Promise<void> {
  await ensureCanaryImage(engine, options);
  await removeStale(engine, clock, options);
  const word = randomBytes(32).toString('hex');
  const directory = await mkdtemp(join(shared.path, '.canary-'));
  try {
    await writeFile(join(directory, 'word'), word);
    const seen = await readThroughEngine(engine, join(shared.enginePath, basename(directory)), options);
    if (!seen.includes(word)) throw notVisible(engine, shared);
  } catch (error) {
    if (error instanceof EngineAnswer) throw notVisible(engine, shared, error);
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readThroughEngine(engine: DockerEngine, source: string, options: Cancelable): Promise<string> {
  const name = `errand-canary-${randomBytes(8).toString('hex')}`;
  const container = await engine.call(
    'make a container that tests what it sees',
    { ...options, handles: [400, 404, 500] },
    async (docker, abortSignal) =>
      docker.createContainer({
        name,
        Image: canaryImage,
        Cmd: ['never-started'],
        Labels: { [canaryLabel]: 'directory' },
        HostConfig: {
          NetworkMode: 'none',
          Mounts: [{ Type: 'bind', Source: source, Target: '/canary', ReadOnly: true }],
        },
        abortSignal,
      }),
  );
  try {
    return await engine.call(
      'read through that container',
      { ...options, handles: [400, 404, 500] },
      async (_docker, abortSignal) => {
        const archive = (await container.getArchive({ path: '/canary/word', abortSignal })) as Readable;
        const chunks: Buffer[] = [];
        for await (const chunk of archive) chunks.push(Buffer.from(chunk));
        return Buffer.concat(chunks).toString('latin1');
      },
    );
  } finally {
    await engine.call('remove that container', { handles: [404] }, async (_docker, abortSignal) =>
      container.remove({ force: true, abortSignal }),
    );
  }
}

/** An image without a single file: nothing of it is ever started. */
async function ensureCanaryImage(engine: DockerEngine, options: Cancelable): Promise<void> {
  try {
    await engine.call('look for the canary image', { ...options, handles: [404] }, async (docker) =>
      docker.getImage(canaryImage).inspect(),
    );
  } catch (error) {
    if (!isAnswer(error, 404)) throw error;
    await engine.call('make the canary image', options, async (docker) => {
      const [repo, tag] = canaryImage.split(':');
      const stream = (await docker.importImage(Readable.from([emptyTar]), { repo, tag })) as Readable;
      for await (const chunk of stream) void chunk;
    });
  }
}

/** Canaries of orchestrators that were killed at the wrong moment. */
async function removeStale(engine: DockerEngine, clock: Clock, options: Cancelable): Promise<void> {
  const found = await engine.call('list its canaries', options, async (docker, abortSignal) =>
    docker.listContainers({ all: true, filters: { label: [canaryLabel] }, abortSignal }),
  );
  const stale = found.filter(({ Created }) => Created < clock.now() / 1000 - staleSeconds);
  for (const { Id } of stale) {
    await engine
      .call('remove an old canary', { ...options, handles: [404, 409] }, async (docker, abortSignal) =>
        docker.getContainer(Id).remove({ force: true, abortSignal }),
      )
      .catch((error: unknown) => {
        if (!(error instanceof EngineAnswer)) throw error;
      });
  }
}

function notVisible(engine: DockerEngine, shared: SharedDirectory, cause?: Error): ErrandError {
  const why = cause === undefined ? 'it reads something else there' : cause.message;
  return new ErrandError(
    'invalidConfiguration',
    `Docker at ${engine.address} does not see the directory ${shared.path} of this Errand at ${shared.enginePath} (${why}): it runs on another machine, or Errand itself runs in a container. ` +
      "Set ERRAND_EXCHANGE_HOST_PATH to that directory's path on the machine of the engine, use an engine on this machine, or keep files in Blob storage.",
    { cause },
  );
}
