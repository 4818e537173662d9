import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { isAnswer } from '../../runners/docker-errors.ts';
import { dockerEngine, type DockerConnection } from '../../runners/docker-engine.ts';
import { ensureImage } from '../../runners/docker-image.ts';
import type { Io } from '../terminal/io.ts';
import { progress } from '../terminal/progress.ts';
import { defaultImage } from './init-template.ts';

/** A shell and the utilities that the runner needs, from the public registry. */
const minimal = { name: defaultImage, standIn: 'busybox:stable' };

/** Sees to it that the engine has the image that the examples and new task folders name, or another with its stand-in. Says what to do where that fails; never throws. */
export async function ensureExampleImage(
  connection: DockerConnection,
  configDirectory: string,
  io: Io,
  { name, standIn }: { name: string; standIn: string } = minimal,
): Promise<void> {
  const engine = dockerEngine(connection, systemClock);
  const line = progress(io);
  const [repo = '', tag = ''] = name.split(':');
  try {
    if (await hasImage(engine, name)) return;
    io.note(`This engine does not have ${name}, which the examples run in: getting ${standIn} as a stand-in …`);
    await ensureImage(engine, standIn, {
      configDirectory,
      clock: systemClock,
      logger: silentLogger,
      progress: line.show,
    });
    line.clear();
    await engine.call(`tag ${standIn}`, {}, (docker, abortSignal) =>
      docker.getImage(standIn).tag({ repo, tag, abortSignal }),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    io.note(`${io.noteStyle.yellow('warning:')} ${why}`);
    io.note(
      `Runs of the examples will fail with imageUnavailable until there is one: docker pull ${standIn} && docker tag ${standIn} ${name}`,
    );
  } finally {
    engine.close();
  }
}

async function hasImage(engine: ReturnType<typeof dockerEngine>, image: string): Promise<boolean> {
  try {
    await engine.call(`look for ${image}`, { handles: [404] }, (docker) => docker.getImage(image).inspect());
    return true;
  } catch (error) {
    if (isAnswer(error, 404)) return false;
    throw error;
  }
}
