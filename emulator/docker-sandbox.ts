import { setTimeout as delay } from 'node:timers/promises';

import type Docker from 'dockerode';

import { startProcess, statusOf } from './docker-process.ts';
import type { EngineGroup, EngineServices, EngineVolume, Sandbox } from './engine.ts';
import { claimMetadataAddress, serveMetadata } from './group-metadata.ts';
import type { GroupMetadata } from './group-metadata.ts';
import { pauseImage, pausePath } from './pause-image.ts';
import { tarArchive } from './tar.ts';

const groupLabel = 'errand.aci-emulator.group';

export interface SandboxPlace {
  readonly docker: Docker;
  readonly services: EngineServices;
  /** Begins all names of the group's containers and volumes. */
  readonly prefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  readonly cpus: number;
}

const removalTries = 20;

/** Removes with patience: the engine refuses what it is still busy with. */
export async function removed(remove: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await remove();
      return;
    } catch (error) {
      if (statusOf(error) === 404) return;
      if (statusOf(error) !== 409 || attempt === removalTries) throw error;
      await delay(100);
    }
  }
}

/** What is to be put into a fresh volume. */
function volumeContent(volume: EngineVolume): Buffer {
  if (volume.kind === 'emptyDir') return tarArchive([{ name: './', content: Buffer.of(), mode: 0o777 }]);
  return tarArchive([...volume.files].map(([name, content]) => ({ name, content, mode: 0o644 })));
}

/** The network namespace and the volumes of a group, held by a container that only waits. */
export async function openSandbox(group: EngineGroup, place: SandboxPlace): Promise<Sandbox> {
  const { docker, services, prefix, network, cpus } = place;
  const labels = { ...place.labels, [groupLabel]: group.name };
  const volumes = new Map([...group.volumes.keys()].map((name, index) => [name, `${prefix}-v${index}`]));
  const containers: string[] = [];
  let metadata: GroupMetadata | undefined;
  let cancelMetadata: () => void = () => undefined;
  let closing: Promise<void> | undefined;
  let warning: string | undefined;

  async function close(): Promise<void> {
    cancelMetadata();
    await metadata?.close();
    await Promise.all(
      containers.map((name) => removed(() => docker.getContainer(name).remove({ force: true, v: true }))),
    );
    await Promise.all([...volumes.values()].map((name) => removed(() => docker.getVolume(name).remove())));
  }

  async function createVolumes(): Promise<void> {
    for (const [name, volume] of group.volumes) {
      const inMemory = { type: 'tmpfs', device: 'tmpfs', o: 'size=16m,mode=0755' };
      await docker.createVolume({
        Name: volumes.get(name) ?? '',
        Labels: labels,
        ...(volume.kind === 'secret' ? { DriverOpts: inMemory } : {}),
      });
    }
  }

  async function hold(): Promise<number> {
    const name = `${prefix}-pause`;
    containers.push(name);
    const holder = await docker.createContainer({
      name,
      Image: pauseImage,
      Entrypoint: [pausePath],
      Hostname: `SandboxHost-${services.random.hex(12)}`,
      Labels: labels,
      HostConfig: {
        NetworkMode: network,
        Mounts: [...volumes.values()].map((source, index) => ({
          Type: 'volume',
          Source: source,
          Target: `/volumes/${index}`,
        })),
      },
    });
    await holder.start();
    for (const [index, volume] of [...group.volumes.values()].entries())
      await holder.putArchive(volumeContent(volume), { path: `/volumes/${index}` });
    return (await holder.inspect()).State.Pid;
  }

  function scheduleMetadata(pid: number): void {
    const endpoint = group.metadata;
    if (endpoint === undefined) return;
    const serve = async (): Promise<void> => {
      const served = await serveMetadata(pid, endpoint);
      if (closing === undefined) metadata = served;
      else await served.close();
    };
    cancelMetadata = services.clock.after(group.identityDelayMs, () => {
      serve().catch((error: unknown) => services.log(`No tokens in ${group.name}: ${String(error)}`));
    });
  }

  let pid: number;
  try {
    await createVolumes();
    pid = await hold();
  } catch (error) {
    await close();
    throw error;
  }
  let claimed = true;
  try {
    await claimMetadataAddress(pid);
  } catch (error) {
    claimed = false;
    if (group.metadata !== undefined)
      warning = `No metadata endpoint in this group: it needs root, nsenter and ip on the engine's machine. ${String(error)}`;
  }

  let begun = false;
  let count = 0;
  return {
    pullMs: undefined,
    warning,
    async start(container) {
      if (!begun && claimed) scheduleMetadata(pid);
      begun = true;
      const name = `${prefix}-${container.name}-${(count += 1)}`;
      containers.push(name);
      return await startProcess(container, { docker, name, labels, networkOf: `${prefix}-pause`, volumes, cpus });
    },
    close: () => (closing ??= close()),
  };
}
