import type Docker from 'dockerode';

import type { ContainerStart, EngineProcess } from './engine.ts';

/** Exit code of a container whose program cannot be started. */
const cannotStart = 128;

export function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode;
}

/** The payload of the engine's frames: one byte of stream, three of nothing, four of length. */
export function unframe(frames: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= frames.length;) {
    const length = frames.readUInt32BE(at + 4);
    parts.push(frames.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts);
}

export interface ProcessPlace {
  readonly docker: Docker;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Container whose network this one shares. */
  readonly networkOf: string;
  /** Volume of the group → volume of the engine. */
  readonly volumes: ReadonlyMap<string, string>;
  /** CPUs of the engine: it refuses a limit above them. */
  readonly cpus: number;
}

/** What one container may have at once: Azure names no limit, and the machine below is not the emulator's alone. */
const mostProcesses = 1024;

/** The request that creates the container of one start. */
export function containerOptions(start: ContainerStart, place: ProcessPlace): Docker.ContainerCreateOptions {
  const memory = start.memoryInGB === undefined ? undefined : Math.round(start.memoryInGB * 1024 ** 3);
  return {
    name: place.name,
    Image: start.image,
    ...(start.command.length === 0 ? {} : { Entrypoint: [...start.command], Cmd: [] }),
    Env: Object.entries(start.environment).map(([name, value]) => `${name}=${value}`),
    Labels: { ...place.labels },
    HostConfig: {
      NetworkMode: `container:${place.networkOf}`,
      Mounts: start.mounts.map(({ volume, path, readOnly }) => ({
        Type: 'volume',
        Source: place.volumes.get(volume) ?? '',
        Target: path,
        ReadOnly: readOnly,
        VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: '', Options: {} } },
      })),
      ...(memory === undefined ? {} : { Memory: memory, MemorySwap: memory }),
      ...(start.cpu === undefined ? {} : { NanoCpus: Math.round(Math.min(start.cpu, place.cpus) * 1e9) }),
      PidsLimit: mostProcesses,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '8m', 'max-file': '2' } },
    },
  };
}

/** Creates and starts a container. A program that cannot be started is an exit, too. */
export async function startProcess(start: ContainerStart, place: ProcessPlace): Promise<EngineProcess> {
  const container = await place.docker.createContainer(containerOptions(start, place));
  let complaint = '';
  try {
    await container.start();
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    complaint = `${(error as Error).message}\n`;
  }

  async function exited(): Promise<number> {
    if (complaint !== '') return cannotStart;
    try {
      return ((await container.wait()) as { StatusCode: number }).StatusCode;
    } catch (error) {
      // Removed from under us: as if it had been killed.
      if (statusOf(error) === 404) return 137;
      throw error;
    }
  }

  return {
    exit: exited().catch(() => 137),
    async log({ timestamps }) {
      if (complaint !== '') return Buffer.from(complaint);
      try {
        const frames = await container.logs({ follow: false, stdout: true, stderr: true, timestamps });
        return unframe(frames);
      } catch (error) {
        if (statusOf(error) === 404 || statusOf(error) === 409) return Buffer.of();
        throw error;
      }
    },
    async kill(graceMs) {
      try {
        await container.stop({ t: Math.ceil(graceMs / 1000) });
      } catch (error) {
        // 304: it had ended already.
        if (statusOf(error) !== 304 && statusOf(error) !== 404) throw error;
      }
    },
  };
}
