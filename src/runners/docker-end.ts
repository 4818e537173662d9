import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { DockerEngine } from './docker-engine.ts';
import { EngineAnswer } from './docker-errors.ts';
import { inspectContainer } from './docker-observe.ts';

/** How long the engine may take to do away with a container. */
const patienceMs = 30_000;
const lookAgainMs = 100;

/** Removes by id, not by name, for the name may be somebody else's by now. Returns when the engine says that it is not there. */
export async function removeContainer(
  engine: DockerEngine,
  clock: Clock,
  { id, name }: { id: string; name: string },
  { signal }: Cancelable,
): Promise<void> {
  const deadline = clock.monotonic() + patienceMs;
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

/** False where it still runs after all patience. */
export async function waitForEnd(
  engine: DockerEngine,
  clock: Clock,
  id: string,
  { signal }: Cancelable,
): Promise<boolean> {
  const deadline = clock.monotonic() + patienceMs;
  do {
    const found = await inspectContainer(engine, id, { signal });
    if (found === undefined || !found.State.Running) return true;
    await clock.sleep(lookAgainMs, { signal });
  } while (clock.monotonic() < deadline);
  return false;
}
