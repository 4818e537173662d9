import { createClient } from '../../client/client.ts';
import { systemClock } from '../../core/clock.ts';
import type { Environment } from '../config.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { defaultImage } from './init-template.ts';
import { pushExamples } from './push-examples.ts';
import type { LocalTask } from './task-folder.ts';

/** The runner needs curl here, which the image of the examples has not. */
const curlImage = { name: 'errand-curl:local', standIn: 'curlimages/curl:latest' } as const;

/** `errand dev --azure`: everything that the function app needs, on this machine, until Ctrl-C. Resolves to the exit code. */
export async function devAzure(set: Environment, { examples }: { examples: boolean }, io: Io): Promise<number> {
  const { serverConfig } = await import('../config.ts');
  const { startLocalAzure } = await import('../local-azure/local-azure.ts');
  const { plainLogger } = await import('./plain-logger.ts');
  const { port, docker } = serverConfig({ ...set, ERRAND_DRIVER: 'docker' }, { driver: 'docker' });
  io.note('Starting Azurite, the emulator of Container Instances, and the function app …');
  const azure = await startLocalAzure({
    port,
    engine: docker.connection,
    environment: set,
    clock: systemClock,
    logger: plainLogger(io),
  });
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  try {
    const { ensureExampleImage } = await import('./example-image.ts');
    await ensureExampleImage(docker.connection, docker.configDirectory, io, curlImage);
    const tasks = examples ? await pushExamples(pushTo(azure.url), io) : [];
    const { settings } = azure;
    if (io.json)
      await io.record({ type: 'ready', url: azure.url, driver: 'azure-container-instances', settings, tasks });
    else await io.write(greeting(azure.url, settings, tasks, io));
    await ended;
    io.note('Stopping: containers are removed, and what Azurite holds is forgotten …');
  } finally {
    await azure.close();
  }
  return exitCodes.done;
}

/** For `url`, in an image that has what runners need here. */
function pushTo(url: string): (task: LocalTask) => Promise<unknown> {
  const client = createClient({ url });
  return ({ definition: { taskName, dockerImage }, document, executable }) =>
    client.push(
      taskName,
      { ...document, dockerImage: dockerImage === defaultImage ? curlImage.name : dockerImage },
      { executable: new Blob([executable]) },
    );
}

function greeting(
  url: string,
  settings: Readonly<Record<string, string | undefined>>,
  tasks: readonly string[],
  io: Io,
): string {
  const { style } = io;
  const elsewhere = url === 'http://127.0.0.1:7070' ? '' : `  export ERRAND_URL=${url}\n`;
  return `Errand is ready at ${style.bold(url)}, as a function app

  storage           Azurite, in memory
  tasks run in      container groups of the emulator at ${settings['ERRAND_ARM_ENDPOINT']}: real containers of this Docker engine
  callers           this machine only
  tasks             ${tasks.length === 0 ? 'none yet' : tasks.join(', ')}

In another terminal:

${elsewhere}  errand run Hello -p Name=World --follow

${style.dim('Ctrl-C ends all of it, and nothing is kept.')}
`;
}
