import type Dockerode from 'dockerode';
import { instant } from '../core/clock.ts';
import type { Observation, RunnerSpec } from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { ErrandError } from '../contract/errors.ts';
import { runnerLabels } from './docker-container-options.ts';
import type { DockerEngine } from './docker-engine.ts';
import { isAnswer } from './docker-errors.ts';

type Inspected = Dockerode.ContainerInspectInfo;

const tailLines = 20;
const tailBytes = 4096;

/** Undefined only where an engine that answers says that there is no such container. */
export async function inspectContainer(
  engine: DockerEngine,
  nameOrId: string,
  { signal }: Cancelable,
): Promise<Inspected | undefined> {
  try {
    return await engine.call(
      `look at the container ${nameOrId}`,
      { signal, handles: [404] },
      async (docker, abortSignal) => docker.getContainer(nameOrId).inspect({ abortSignal }),
    );
  } catch (error) {
    if (!isAnswer(error, 404)) throw error;
    if (/no such container/i.test(error.message)) return undefined;
    throw new ErrandError(
      'platformUnavailable',
      `What answers at ${engine.address} is not a Docker engine: it says "${error.message.slice(0, 200)}". Check DOCKER_HOST.`,
      { cause: error },
    );
  }
}

export function isOurs({ Config }: Inspected): boolean {
  const labels = Config.Labels ?? {};
  return [runnerLabels.run, runnerLabels.attempt, runnerLabels.instance].every((label) => labels[label] !== undefined);
}

/** A container of exactly this attempt. */
export function isOf({ Config }: Inspected, spec: RunnerSpec): boolean {
  const labels = Config.Labels ?? {};
  return (
    labels[runnerLabels.run] === spec.runId &&
    labels[runnerLabels.attempt] === String(spec.attempt) &&
    labels[runnerLabels.instance] === spec.instanceId
  );
}

/** Whether it was started, ever. Docker's `wait` says exit code 0 for a container that never was. */
export function wasStarted({ State }: Inspected): boolean {
  return State.Status !== 'created' && !State.StartedAt.startsWith('0001-');
}

export async function observeContainer(engine: DockerEngine, name: string, options: Cancelable): Promise<Observation> {
  const found = await inspectContainer(engine, name, options);
  if (found === undefined) return { state: 'absent' };
  if (!isOurs(found)) return { state: 'foreign' };
  if (found.State.Running || found.State.Restarting || found.State.Paused) {
    return { state: 'running', containerId: found.Id };
  }
  if (!wasStarted(found)) return { state: 'created', since: instant(Date.parse(found.Created)) };
  return {
    state: 'exited',
    exitCode: found.State.ExitCode,
    oomKilled: found.State.OOMKilled,
    tail: await readTail(engine, found.Id, options),
  };
}

/** The last lines printed. The engine's copy of the output is bounded by the options of the container, so it can be read whole. */
async function readTail(engine: DockerEngine, id: string, { signal }: Cancelable): Promise<string> {
  try {
    const raw = await engine.call(
      'read what the container printed',
      { signal, handles: [404, 409, 500, 501] },
      async (docker, abortSignal) =>
        docker.getContainer(id).logs({ stdout: true, stderr: true, tail: tailLines, abortSignal }),
    );
    const printed = demux(raw);
    return printed.subarray(-tailBytes).toString('utf8').trimEnd();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ErrandError) throw error;
    // The container is being removed, or its log is damaged: what it printed is of no weight for what became of it.
    return '';
  }
}

function demux(raw: Buffer): Buffer {
  const chunks: Buffer[] = [];
  let at = 0;
  // Frames of the attach protocol: stream type, three zero bytes, length in big endian, payload.
  while (at + 8 <= raw.length) {
    const length = raw.readUInt32BE(at + 4);
    chunks.push(raw.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(chunks);
}
