import type Dockerode from 'dockerode';
import { ErrandError } from '../contract/errors.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { DockerEngine } from './docker-engine.ts';
import { isAnswer } from './docker-errors.ts';

/** On Docker's own default bridge every container reaches every other. */
export const isolatedNetwork = 'errand';

const isolation = 'com.docker.network.bridge.enable_icc';

/** Id of the network of tasks, made where it is missing. Asked for every container: a prune may have taken it away. */
export async function ensureIsolatedNetwork(engine: DockerEngine, options: Cancelable): Promise<string> {
  const found = await findNetwork(engine, options);
  if (found !== undefined) return found;
  try {
    await engine.call('make the network for tasks', { ...options, handles: [409] }, async (docker, abortSignal) =>
      docker.createNetwork({
        Name: isolatedNetwork,
        Driver: 'bridge',
        CheckDuplicate: true,
        Options: { [isolation]: 'false' },
        Labels: { 'errand.network': 'tasks' },
        abortSignal,
      }),
    );
  } catch (error) {
    if (!isAnswer(error, 409)) throw error;
  }
  const made = await findNetwork(engine, options);
  if (made === undefined) {
    throw new ErrandError(
      'platformUnavailable',
      `Docker made the network "${isolatedNetwork}" and does not list it: look at "docker network ls".`,
    );
  }
  return made;
}

/**
 * Two orchestrators that made it at the same moment may have left two of the name, and then the engine starts no container on either (measured on
 * 20.10). All agree on the older one, and whoever sees the younger one removes it.
 */
async function findNetwork(engine: DockerEngine, options: Cancelable): Promise<string | undefined> {
  const listed = await engine.call('list its networks', options, async (docker, abortSignal) =>
    docker.listNetworks({ filters: { name: [isolatedNetwork] }, abortSignal }),
  );
  const named = listed.filter(({ Name }) => Name === isolatedNetwork).toSorted(byAge);
  const open = named.find((network) => !keepsApart(network));
  if (open !== undefined) {
    throw new ErrandError(
      'invalidConfiguration',
      `Docker has a network "${isolatedNetwork}" (${open.Id.slice(0, 12)}) on which containers reach each other, so tasks would not be kept apart. Remove it ("docker network rm ${isolatedNetwork}"); Errand makes its own.`,
    );
  }
  for (const { Id } of named.slice(1)) await removeNetwork(engine, Id, options);
  return named[0]?.Id;
}

function byAge(a: Dockerode.NetworkInspectInfo, b: Dockerode.NetworkInspectInfo): number {
  return a.Created === b.Created ? (a.Id < b.Id ? -1 : 1) : a.Created < b.Created ? -1 : 1;
}

/** One that is gone is what was wanted; one that is in use stays, and the next create says so. */
async function removeNetwork(engine: DockerEngine, id: string, options: Cancelable): Promise<void> {
  try {
    await engine.call(
      'remove a second network for tasks',
      { ...options, handles: [403, 404] },
      async (docker, abortSignal) => docker.getNetwork(id).remove({ abortSignal }),
    );
  } catch (error) {
    if (!isAnswer(error, 403) && !isAnswer(error, 404)) throw error;
  }
}

function keepsApart(network: Dockerode.NetworkInspectInfo): boolean {
  return network.Driver === 'bridge' && network.Options?.[isolation] === 'false';
}
