import { instantEngine, manualClock } from '../../../emulator/server.ts';
import type { EmulatorOptions, ManualClock, Outcome } from '../../../emulator/server.ts';
import { group, resourceGroup, rig } from './harness.ts';
import type { Rig } from './harness.ts';

export interface Held extends Rig {
  readonly clock: ManualClock;
  /** Container name and how often it has been started, for each start. */
  readonly starts: string[];
  put(name?: string, body?: ReturnType<typeof group>): Promise<unknown>;
  get(name?: string): ReturnType<Rig['client']['containerGroups']['get']>;
  /** States of the group: provisioning, group, and of the first container with exit code and restarts. */
  states(name?: string): Promise<unknown[]>;
}

/** An emulator whose time stands still, and whose containers end as told. */
export async function held(
  outcome: Outcome | ((start: number) => Outcome),
  options: EmulatorOptions = {},
): Promise<Held> {
  const clock = manualClock();
  const starts: string[] = [];
  const engine = instantEngine({
    behavior: (container) => {
      starts.push(`${container.name} ${container.start}`);
      return typeof outcome === 'function' ? outcome(container.start) : outcome;
    },
  });
  const bench = await rig({ clock, engine, ...options });
  const get: Held['get'] = (name = 'run') => bench.client.containerGroups.get(resourceGroup, name);
  return {
    ...bench,
    clock,
    starts,
    get,
    put: (name = 'run', body = group()) => bench.client.containerGroups.beginCreateOrUpdate(resourceGroup, name, body),
    async states(name) {
      const { provisioningState, instanceView, containers } = await get(name);
      const view = containers[0]?.instanceView;
      return [
        provisioningState,
        instanceView?.state,
        view?.currentState?.state,
        view?.currentState?.exitCode,
        view?.restartCount,
      ];
    },
  };
}
