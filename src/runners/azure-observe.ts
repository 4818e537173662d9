import type { ContainerGroup } from '@azure/arm-containerinstance';
import { ErrandError } from '../contract/errors.ts';
import type { Observation, RunnerSpec } from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { AzureAnswer } from './azure-answer.ts';
import type { Arm } from './azure-arm.ts';
import { classifyAnswer, classifyGroup } from './azure-classify.ts';
import { runnerTags } from './azure-container-group.ts';

export interface Group {
  resourceGroup: string;
  name: string;
}

const tailLines = 20;
const tailCharacters = 4096;
/** What a process that is killed ends with. Azure forgets the exit codes of a group that was stopped. */
const killedExitCode = 137;

/** Undefined only where Azure says that there is no such group. */
export async function getGroup(
  arm: Arm,
  { resourceGroup, name }: Group,
  options: Cancelable,
): Promise<ContainerGroup | undefined> {
  try {
    return await arm.read(`look at the container group ${name}`, options, async (client, abortSignal) =>
      client.containerGroups.get(resourceGroup, name, { abortSignal }),
    );
  } catch (error) {
    if (error instanceof AzureAnswer && classifyAnswer(error).kind === 'absent') return undefined;
    throw unavailable(`look at the container group ${name}`, error);
  }
}

export function isOurs({ tags = {} }: ContainerGroup): boolean {
  return [runnerTags.run, runnerTags.attempt, runnerTags.instance].every((tag) => tags[tag] !== undefined);
}

/** A group of exactly this attempt. */
export function isOf({ tags = {} }: ContainerGroup, spec: RunnerSpec): boolean {
  return (
    tags[runnerTags.run] === spec.runId &&
    tags[runnerTags.attempt] === String(spec.attempt) &&
    tags[runnerTags.instance] === spec.instanceId
  );
}

/** What a group says of its runner; the tail of what it printed is not in there. Pure. */
export function toObservation(group: ContainerGroup): Exclude<Observation, { state: 'absent' }> {
  if (!isOurs(group)) return { state: 'foreign' };
  const failure = classifyGroup(group);
  if (failure?.kind === 'noCapacity') return { state: 'noCapacity', message: failure.message };
  if (failure?.kind === 'refused') {
    const { reason, message, permanent } = failure;
    return { state: 'refused', reason, message, permanent };
  }
  const [container] = group.containers;
  const current = container?.instanceView?.currentState;
  if (current?.state === 'Running' && !hasEnded(group)) return { state: 'running', ...idOf(group) };
  if (current?.state === 'Terminated' || hasEnded(group)) {
    return {
      state: 'exited',
      exitCode: current?.exitCode ?? killedExitCode,
      // Seen on the service and in no document.
      oomKilled: current?.detailStatus === 'OOMKilled',
      tail: '',
    };
  }
  return { state: 'pending', phase: phaseOf(group) };
}

/** Of a group whose container may start again under `Never` it is not known: the fence is what keeps that from mattering. */
function hasEnded({ instanceView, provisioningState }: ContainerGroup): boolean {
  const { state } = instanceView ?? {};
  return state === 'Succeeded' || state === 'Stopped' || (state === 'Failed' && provisioningState !== 'Failed');
}

export function idOf({ id }: ContainerGroup): { containerId?: string } {
  return id === undefined ? {} : { containerId: id };
}

export async function observeGroup(arm: Arm, at: Group, options: Cancelable): Promise<Observation> {
  const group = await getGroup(arm, at, options);
  if (group === undefined) return { state: 'absent' };
  const seen = toObservation(group);
  return seen.state === 'exited' ? { ...seen, tail: await readTail(arm, at, group, options) } : seen;
}

const phases: Readonly<Record<string, string>> = {
  Pulling: 'pulling the image',
  Pulled: 'the image is pulled',
  Created: 'starting the container',
  Started: 'starting the container',
};

function phaseOf({ provisioningState, containers, instanceView }: ContainerGroup): string {
  const last =
    containers.flatMap((container) => container.instanceView?.events ?? []).at(-1) ?? instanceView?.events?.at(-1);
  const known = last?.name === undefined ? undefined : phases[last.name];
  if (known !== undefined) return known;
  // What goes wrong while an image is pulled is told by events only, and repeated for as long as it is tried.
  if (last?.type === 'Warning' && last.message !== undefined) return last.message.slice(0, 200);
  return provisioningState === 'Pending' ? 'waiting for Azure to find a place' : 'Azure is preparing the container';
}

/** The last lines printed. Azure keeps 16 KB of what has stopped; the complete log is in the exchange. */
async function readTail(
  arm: Arm,
  { resourceGroup, name }: Group,
  group: ContainerGroup,
  options: Cancelable,
): Promise<string> {
  const container = group.containers[0]?.name;
  if (container === undefined) return '';
  try {
    const { content = '' } = await arm.read('read what the container printed', options, async (client, abortSignal) =>
      client.containers.listLogs(resourceGroup, name, container, { tail: tailLines, abortSignal }),
    );
    return content.slice(-tailCharacters).trimEnd();
  } catch (error) {
    // The group is being removed, or has no log any more: what it printed is of no weight for what became of it.
    if (error instanceof AzureAnswer) return '';
    throw error;
  }
}

/** For a request that should have been answered with success: an outage, with what Azure said. What is thrown without an answer stays as it is. */
export function unavailable(what: string, error: unknown): unknown {
  if (!(error instanceof AzureAnswer)) return error;
  const failure = classifyAnswer(error);
  const message = 'message' in failure ? failure.message : error.message;
  const { retryAfterMs } = error;
  return new ErrandError('platformUnavailable', `Azure could not ${what}: ${message}`, {
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
  });
}
