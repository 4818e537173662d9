import { sleep } from './clock.ts';
import type { EmulatorClock } from './clock.ts';
import { superviseContainer } from './container-life.ts';
import { containerStart, engineGroup } from './container-start.ts';
import type { Sandbox } from './engine.ts';
import { addEvent } from './event-record.ts';
import type { ContainerStatus, Deployment, Group } from './group.ts';
import { totalResources } from './group-spec.ts';
import { endOperation } from './operation.ts';
import type { Operation } from './operation.ts';
import type { DeploymentServices } from './services.ts';

/** Real milliseconds between SIGTERM and SIGKILL where the platform ends a container. */
export const defaultGraceMs = 2000;

class Ended extends Error {
  constructor() {
    super('The deployment is ended');
    this.name = 'Ended';
  }
}

function freshStatus(before: ContainerStatus | undefined): ContainerStatus {
  return {
    starts: before?.starts ?? 0,
    restartCount: before === undefined ? 0 : before.restartCount + 1,
    currentState: { state: 'Waiting', detailStatus: '' },
    previousState: before?.currentState,
    events: before?.events ?? [],
    process: undefined,
    lastLog: undefined,
  };
}

/** Says why the region could not take the group, as the service does: an event, and an error without a code. */
function refuseCapacity(group: Group, operation: Operation, clock: EmulatorClock): void {
  const { cpu, memoryInGB } = totalResources(group.spec);
  const message = `The requested resource is not available in the location '${group.region}' at this moment. Please retry with a different resource request or in another location. Resource requested: '${cpu}' CPU '${memoryInGB}' GB memory 'Linux' OS`;
  for (const events of [operation.events, group.events])
    addEvent(events, clock, { name: 'InsufficientCapacity.', message, type: 'Warning' });
  group.provisioningState = 'Failed';
  group.state = 'Failed';
  endOperation(operation, 'Failed', { message });
}

/**
 * Takes a group through Pending and Creating to its end, in the background. `previous` is what ran before and is ended first; its
 * restarts go on being counted, as where a running group is changed.
 */
export function deploy(
  group: Group,
  operation: Operation,
  services: DeploymentServices,
  { previous }: { previous?: Deployment | undefined } = {},
): Deployment {
  const { clock, switches, engine } = services;
  const ending = new AbortController();
  const { signal } = ending;
  let sandbox: Sandbox | undefined;
  let changing = true;
  let mishaps = 0;

  const all = [...(group.spec.properties.initContainers ?? []), ...group.spec.properties.containers];
  const note = (status: ContainerStatus, name: string, message: string): void => {
    for (const events of [status.events, operation.events]) addEvent(events, clock, { name, message });
  };
  const statusOf = (name: string): ContainerStatus => {
    const status = group.containers.get(name);
    if (status === undefined) throw new Error(`The group ${group.name} has no container ${name}`);
    return status;
  };

  async function pull(opened: Sandbox): Promise<void> {
    const slow = switches.strikes('slowPull', group.region);
    const pullMs = slow ? switches.get('slowPullMs') : (opened.pullMs ?? switches.get('pullMs'));
    for (const { name, properties } of all) note(statusOf(name), 'Pulling', `Pulling image "${properties.image}"`);
    await sleep(clock, pullMs, signal);
    for (const { name, properties } of all)
      note(statusOf(name), 'Pulled', `Successfully pulled image "${properties.image}" in ${pullMs / 1000}s`);
  }

  async function live(): Promise<void> {
    await previous?.end(defaultGraceMs);
    const before = new Map(previous === undefined ? [] : group.containers);
    group.containers.clear();
    await sleep(clock, switches.get('pendingMs'), signal);
    if (switches.strikes('insufficientCapacity', group.region)) {
      refuseCapacity(group, operation, clock);
      return;
    }
    operation.status = 'Creating';
    group.provisioningState = 'Creating';
    for (const { name } of all) group.containers.set(name, freshStatus(before.get(name)));

    const opened = await engine.open(engineGroup(group, services));
    sandbox = opened;
    signal.throwIfAborted();
    if (opened.warning !== undefined)
      addEvent(group.events, clock, { name: 'Emulator', message: opened.warning, type: 'Warning' });
    await pull(opened);

    const life = { group, sandbox: opened, signal, services, note, mishaps: () => mishaps };
    for (const container of group.spec.properties.initContainers ?? []) {
      const exit = await superviseContainer(containerStart(container), statusOf(container.name), {
        ...life,
        policy: 'Never',
        started: () => undefined,
      });
      if (exit === 0) continue;
      group.state = 'Failed';
      group.provisioningState = 'Failed';
      endOperation(operation, 'Failed', { message: `The init container '${container.name}' ended with ${exit}.` });
      return;
    }

    let waiting = group.spec.properties.containers.length;
    const started = (): void => {
      waiting -= 1;
      if (waiting === 0) becomeRunning();
    };
    const policy = group.spec.properties.restartPolicy ?? 'Always';
    const ends = await Promise.allSettled(
      group.spec.properties.containers.map((container) =>
        superviseContainer(containerStart(container), statusOf(container.name), { ...life, policy, started }),
      ),
    );
    const broken = ends.find((each) => each.status === 'rejected');
    if (broken !== undefined) throw broken.reason;
    group.state = ends.every((each) => each.status === 'fulfilled' && each.value === 0) ? 'Succeeded' : 'Failed';
  }

  /** The create has ended; the containers go on, even where it is said to have failed. */
  function becomeRunning(): void {
    const failed = switches.strikes('failedButRunning', group.region);
    changing = false;
    group.state = 'Running';
    group.provisioningState = failed ? 'Failed' : 'Succeeded';
    if (failed) endOperation(operation, 'Failed', { message: 'The container group could not be provisioned.' });
    else endOperation(operation, 'Succeeded');
    if (group.spec.properties.priority === 'Spot' && switches.strikes('spotEviction', group.region))
      strikeLater('spotEvictionAfterMs');
    if (switches.strikes('maintenanceRestart', group.region)) strikeLater('maintenanceAfterMs');
  }

  /** The platform ends all containers, and starts them again in place. */
  function strikeLater(after: 'spotEvictionAfterMs' | 'maintenanceAfterMs'): void {
    const cancel = clock.after(switches.get(after), () => {
      mishaps += 1;
      killAll(0).catch((error: unknown) => services.log(`Restarting ${group.name}: ${String(error)}`));
    });
    signal.addEventListener('abort', cancel, { once: true });
  }

  async function killAll(graceMs: number): Promise<void> {
    await Promise.all([...group.containers.values()].map(async ({ process }) => await process?.kill(graceMs)));
  }

  async function conclude(): Promise<void> {
    try {
      await live();
    } catch (error) {
      if (signal.aborted) return;
      services.log(`The group ${group.name} failed in the emulator: ${String(error)}`);
      addEvent(group.events, clock, { name: 'Emulator', message: String(error), type: 'Warning' });
      group.provisioningState = 'Failed';
      group.state = 'Failed';
      endOperation(operation, 'Failed', { message: String(error) });
    } finally {
      changing = false;
      await sandbox?.close().catch((error: unknown) => services.log(`Removing ${group.name}: ${String(error)}`));
    }
  }

  const done = conclude();

  async function end(graceMs: number): Promise<void> {
    if (!signal.aborted) ending.abort(new Ended());
    await killAll(graceMs);
    await done;
  }

  return {
    get changing() {
      return changing;
    },
    end,
  };
}
