import Docker from 'dockerode';

import { statusOf } from './docker-process.ts';
import { openSandbox, removed } from './docker-sandbox.ts';
import type { Engine, EngineFactory } from './engine.ts';
import { ensureGroupNetwork } from './group-network.ts';
import { ensurePauseImage, pauseImage } from './pause-image.ts';

/** On every container and volume; its value is the emulator that made it. */
export const emulatorLabel = 'errand.aci-emulator';

export interface DockerEngineOptions {
  /** As DOCKER_HOST: `unix:///…` or `tcp://host:port`. What DOCKER_HOST says, or the usual socket, unless given. */
  readonly host?: string;
  /** Of the engine's networks the one that groups are in. Without it they are in one of their own, on which they do not reach each other. */
  readonly network?: string;
}

interface Prepared {
  readonly cpus: number;
  readonly network: string;
}

function connect(host: string | undefined): Docker {
  if (host === undefined) return new Docker();
  if (host.startsWith('unix://')) return new Docker({ socketPath: host.slice('unix://'.length) });
  const { hostname, port } = new URL(host);
  return new Docker({ host: hostname, port: Number(port || 2375), protocol: 'http' });
}

/** An engine that makes real containers of groups, from the images that a Docker engine has. It pulls nothing. */
export function dockerEngine({ host, network }: DockerEngineOptions = {}): EngineFactory {
  return (services) => {
    const docker = connect(host);
    // Two emulators with the same seed may share an engine.
    const id = crypto.randomUUID().slice(0, 8);
    const labels = { [emulatorLabel]: id };
    let prepared: Promise<Prepared> | undefined;
    let count = 0;

    async function prepare(): Promise<Prepared> {
      await ensurePauseImage(docker);
      return {
        cpus: ((await docker.info()) as { NCPU: number }).NCPU,
        network: network ?? (await ensureGroupNetwork(docker)),
      };
    }

    const engine: Engine = {
      async hasImage(image) {
        try {
          await docker.getImage(image).inspect();
          return true;
        } catch (error) {
          if (statusOf(error) === 404) return false;
          throw error;
        }
      },
      async images() {
        const tags = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
        return tags.filter((tag) => tag !== pauseImage && tag !== '<none>:<none>').toSorted();
      },
      async open(group) {
        const ready = await (prepared ??= prepare());
        const prefix = `errand-aci-${id}-${(count += 1)}`;
        return await openSandbox(group, { docker, services, prefix, labels, ...ready });
      },
      async close() {
        const filters = { label: [`${emulatorLabel}=${id}`] };
        const containers = await docker.listContainers({ all: true, filters });
        await Promise.all(
          containers.map(({ Id }) => removed(() => docker.getContainer(Id).remove({ force: true, v: true }))),
        );
        const { Volumes } = await docker.listVolumes({ filters });
        await Promise.all((Volumes ?? []).map(({ Name }) => removed(() => docker.getVolume(Name).remove())));
      },
    };
    return engine;
  };
}
