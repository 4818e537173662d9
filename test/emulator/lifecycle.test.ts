import { describe, expect, test } from 'vitest';

import { instantEngine, manualClock } from '../../emulator/server.ts';
import type { EmulatorOptions, ManualClock, Outcome } from '../../emulator/server.ts';
import { group, raw, refusal, resourceGroup, rig } from './support/harness.ts';
import type { Rig } from './support/harness.ts';

interface Held extends Rig {
  readonly clock: ManualClock;
  /** Container name and how often it has been started, for each start. */
  readonly starts: string[];
  put(name?: string, body?: ReturnType<typeof group>): Promise<unknown>;
  get(name?: string): ReturnType<Rig['client']['containerGroups']['get']>;
  /** States of the group: provisioning, group, and of the first container with exit code and restarts. */
  states(name?: string): Promise<unknown[]>;
}

/** An emulator whose time stands still, and whose containers end as told. */
async function held(outcome: Outcome | ((start: number) => Outcome), options: EmulatorOptions = {}): Promise<Held> {
  const clock = manualClock();
  const starts: string[] = [];
  const engine = instantEngine({
    behaviour: (container) => {
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

/** The group, changed in a way that no quota minds. */
const changed = group({}, { command: ['other'] });

describe('a create', () => {
  test('goes from Pending through Creating to Succeeded, and the group from Pending through Running to its end', async () => {
    const { clock, put, states } = await held({ runMs: 5000 }, { switches: { pendingMs: 2000, pullMs: 4000 } });
    await put();
    expect(await states()).toEqual(['Pending', 'Pending', undefined, undefined, undefined]);
    await clock.advance(2000);
    expect(await states()).toEqual(['Creating', 'Pending', 'Waiting', undefined, 0]);
    await clock.advance(4000);
    expect(await states()).toEqual(['Succeeded', 'Running', 'Running', undefined, 0]);
    await clock.advance(5000);
    expect(await states()).toEqual(['Succeeded', 'Succeeded', 'Terminated', 0, 0]);
  });

  test('slowPull: stays Creating', async () => {
    const { clock, put, states, starts } = await held({}, { switches: { slowPull: 'next:1', slowPullMs: Infinity } });
    await put();
    await clock.advance(3_600_000);
    expect(await states()).toEqual(['Creating', 'Pending', 'Waiting', undefined, 0]);
    await put('second');
    await clock.advance(10_000);
    expect((await states('second')).slice(0, 2)).toEqual(['Succeeded', 'Succeeded']);
    expect(starts).toHaveLength(2);
  });

  test('insufficientCapacity: ends Failed, and nothing was started', async () => {
    const { clock, client, starts, states, get } = await held(
      {},
      { switches: { insufficientCapacity: 'next:1@westus' } },
    );
    const poller = await client.containerGroups.beginCreateOrUpdate(resourceGroup, 'run', group(), {
      updateIntervalInMs: 10,
    });
    await clock.advance(1000);
    const error = await poller.pollUntilDone().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect((error as { code?: string }).code).toBeUndefined();
    expect((await states()).slice(0, 2)).toEqual(['Failed', 'Failed']);
    // What went wrong is to be learnt from the group only.
    expect((await get()).instanceView?.events).toMatchObject([{ name: 'InsufficientCapacity.', type: 'Warning' }]);
    expect(starts).toEqual([]);
  });

  test('failedButRunning: the containers of a failed create go on', async () => {
    const { clock, put, states } = await held(
      { runMs: 60_000, exitCode: 3 },
      { switches: { failedButRunning: 'next:1' } },
    );
    await put();
    await clock.advance(5000);
    expect((await states()).slice(0, 3)).toEqual(['Failed', 'Running', 'Running']);
    await clock.advance(60_000);
    expect(await states()).toEqual(['Failed', 'Failed', 'Terminated', 3, 0]);
  });

  test('init containers run before the others, and a failing one ends it', async () => {
    const initContainers = [{ name: 'prepare', image: 'a' }];
    const good = await held({ runMs: 10 });
    await good.put('run', group({ initContainers }));
    await good.clock.advance(10_000);
    expect(good.starts).toEqual(['prepare 1', 'task 1']);
    expect((await good.states()).slice(0, 2)).toEqual(['Succeeded', 'Succeeded']);
    const bad = await held({ exitCode: 2 });
    await bad.put('run', group({ initContainers }));
    await bad.clock.advance(10_000);
    expect(bad.starts).toEqual(['prepare 1']);
    expect((await bad.states()).slice(0, 2)).toEqual(['Failed', 'Failed']);
  });
});

describe('a container that ended', () => {
  test('stays so under Never, whatever its exit code', async () => {
    const { clock, put, states, starts } = await held({ exitCode: 1 });
    await put();
    await clock.advance(60_000);
    expect(await states()).toEqual(['Succeeded', 'Failed', 'Terminated', 1, 0]);
    expect(starts).toHaveLength(1);
  });

  test('restartAfterNonzero: is started again under Never, but not after 0; restartDelayMs later', async () => {
    const { clock, put, get, starts, states } = await held((start) => ({ exitCode: start === 3 ? 0 : start }), {
      switches: { restartAfterNonzero: 1, restartDelayMs: 7000 },
    });
    await put();
    await clock.advance(4000);
    expect(starts).toHaveLength(1);
    await clock.advance(7000);
    expect(starts).toHaveLength(2);
    await clock.advance(60_000);
    expect(starts).toEqual(['task 1', 'task 2', 'task 3']);
    expect(await states()).toEqual(['Succeeded', 'Succeeded', 'Terminated', 0, 2]);
    expect((await get()).containers[0]?.instanceView?.previousState).toMatchObject({
      exitCode: 2,
      detailStatus: 'Error',
    });
  });

  test('is started again under OnFailure after a failure, under Always in any case', async () => {
    const failing = await held((start) => ({ exitCode: start === 1 ? 1 : 0 }));
    await failing.put('run', group({ restartPolicy: 'OnFailure' }));
    await failing.clock.advance(60_000);
    expect(failing.starts).toHaveLength(2);
    const forever = await held({ runMs: 9000 });
    await forever.put('run', group({ restartPolicy: 'Always' }));
    await forever.clock.advance(4000 + 30_000);
    expect(forever.starts.length).toBeGreaterThanOrEqual(3);
  });

  test('maintenanceRestart: is started again although it had not ended, maintenanceAfterMs after its start', async () => {
    const { clock, put, starts, states } = await held(
      { runMs: 20_000 },
      { switches: { maintenanceRestart: 'next:1', maintenanceAfterMs: 5000 } },
    );
    await put();
    await clock.advance(4000 + 4000);
    expect(starts).toHaveLength(1);
    await clock.advance(3000);
    expect(starts).toHaveLength(2);
    await clock.advance(60_000);
    expect(await states()).toEqual(['Succeeded', 'Succeeded', 'Terminated', 0, 1]);
  });

  test('spotEviction: restarts a spot group in place, spotEvictionAfterMs after its start, and no other', async () => {
    const { clock, put, states } = await held(
      { runMs: Infinity },
      { switches: { spotEviction: 1, spotEvictionAfterMs: 2000, restartDelayMs: 500 } },
    );
    await put('regular');
    await put('spot', group({ priority: 'Spot' }));
    await clock.advance(4000 + 1000);
    expect(await states('spot')).toEqual(['Succeeded', 'Running', 'Running', undefined, 0]);
    await clock.advance(1000);
    expect((await states('spot'))[2]).toBe('Terminated');
    await clock.advance(1000);
    expect(await states('spot')).toEqual(['Succeeded', 'Running', 'Running', undefined, 1]);
    expect(await states('regular')).toEqual(['Succeeded', 'Running', 'Running', undefined, 0]);
  });
});

describe('a PUT over a group', () => {
  test('that runs restarts its containers in place where something changed', async () => {
    const { clock, put, starts, states } = await held({ runMs: Infinity });
    await put();
    await clock.advance(10_000);
    await put('run', changed);
    await clock.advance(10_000);
    expect(starts).toEqual(['task 1', 'task 2']);
    expect(await states()).toEqual(['Succeeded', 'Running', 'Running', undefined, 1]);
  });

  test('identicalPutRestarts: restarts them even where nothing changed, unless switched off', async () => {
    const { clock, put, starts, emulator } = await held({ runMs: Infinity });
    await put();
    await clock.advance(10_000);
    await put();
    await clock.advance(10_000);
    expect(starts).toHaveLength(2);
    emulator.switches.set({ identicalPutRestarts: false });
    await put();
    await clock.advance(10_000);
    expect(starts).toHaveLength(2);
  });

  test('that has ended runs it again', async () => {
    const { clock, put, starts, states } = await held({ exitCode: 4 });
    await put();
    await clock.advance(10_000);
    await put();
    await clock.advance(10_000);
    expect(starts).toEqual(['task 1', 'task 1']);
    expect(await states()).toEqual(['Succeeded', 'Failed', 'Terminated', 4, 0]);
  });

  test('transitioningWhileChanging: is refused while the group changes', async () => {
    const { clock, put, emulator, client } = await held({ runMs: Infinity });
    await put();
    const conflict = { status: 409, code: 'ContainerGroupTransitioning' };
    expect(await refusal(put('run', changed))).toMatchObject(conflict);
    expect(await refusal(client.containerGroups.stop(resourceGroup, 'run'))).toMatchObject(conflict);
    expect(await refusal(client.containerGroups.update(resourceGroup, 'run', { tags: {} }))).toMatchObject(conflict);
    emulator.switches.set({ transitioningWhileChanging: false });
    await put('run', changed);
    await clock.advance(10_000);
    expect(
      await refusal(client.containerGroups.beginCreateOrUpdate(resourceGroup, 'run', group({ location: 'eastus' }))),
    ).toMatchObject({
      status: 409,
      code: 'InvalidResourceLocation',
    });
  });

  test('transitioning: may be refused although nothing changes, as may a delete, and a new group of the name', async () => {
    const { clock, put, emulator, client } = await held({ runMs: Infinity });
    await put();
    await clock.advance(10_000);
    emulator.switches.set({ transitioning: 'next:2' });
    expect(await refusal(put('run', changed))).toMatchObject({ status: 409, code: 'ContainerGroupTransitioning' });
    expect(await refusal(client.containerGroups.beginDelete(resourceGroup, 'run'))).toMatchObject({ status: 409 });
    await client.containerGroups.beginDeleteAndWait(resourceGroup, 'run');
    emulator.switches.set({ transitioning: 'next:1' });
    expect(await refusal(put())).toMatchObject({ code: 'ContainerGroupTransitioning' });
    await put();
  });
});

describe('stop, start and restart', () => {
  test('stop ends a group, start begins a new deployment of it, and neither does anything twice', async () => {
    const { clock, put, starts, states, client } = await held({ runMs: Infinity });
    await put();
    await clock.advance(10_000);
    await client.containerGroups.stop(resourceGroup, 'run');
    expect(await states()).toEqual(['Succeeded', 'Stopped', 'Terminated', 137, 0]);
    await client.containerGroups.stop(resourceGroup, 'run');
    const poller = await client.containerGroups.beginStart(resourceGroup, 'run', { updateIntervalInMs: 10 });
    await clock.advance(10_000);
    await poller.pollUntilDone();
    expect(starts).toEqual(['task 1', 'task 1']);
    await client.containerGroups.beginStartAndWait(resourceGroup, 'run');
    expect(starts).toHaveLength(2);
  });

  test('restart starts all containers again, in place', async () => {
    const { clock, put, starts, client } = await held({ runMs: Infinity });
    await put();
    await clock.advance(10_000);
    await client.containerGroups.beginRestartAndWait(resourceGroup, 'run');
    await clock.advance(10_000);
    expect(starts).toEqual(['task 1', 'task 2']);
  });

  test('tags are changed without a restart', async () => {
    const { clock, put, starts, client } = await held({ runMs: Infinity });
    await put();
    await clock.advance(10_000);
    expect((await client.containerGroups.update(resourceGroup, 'run', { tags: { a: 'b' } })).tags).toEqual({ a: 'b' });
    await clock.advance(10_000);
    expect(starts).toHaveLength(1);
  });
});

describe('a delete', () => {
  test.each([
    ['Canceled', 0, 200],
    ['NotFound', 1, 404],
  ])('deletedOperationNotFound: during a create, that ends %s', async (code, deletedOperationNotFound, status) => {
    const { put, emulator, client, clock, starts } = await held({}, { switches: { deletedOperationNotFound } });
    await put();
    const operation = emulator.requests.find(({ path }) => path.includes('/operations/'))?.path ?? '';
    await client.containerGroups.beginDeleteAndWait(resourceGroup, 'run');
    const polled = await raw(emulator, 'GET', operation);
    expect(polled.status).toBe(status);
    expect(JSON.stringify(polled.body)).toContain(code);
    await clock.advance(60_000);
    expect(starts).toEqual([]);
    expect((await refusal(client.containerGroups.get(resourceGroup, 'run'))).status).toBe(404);
  });

  test('deleteMs: is answered when the group is gone; until then it is there, and changes', async () => {
    const { put, client, clock, get } = await held({ runMs: Infinity }, { switches: { deleteMs: 30_000 } });
    await put();
    await clock.advance(10_000);
    let answered = false;
    const removal = client.containerGroups.beginDeleteAndWait(resourceGroup, 'run').then(() => (answered = true));
    await get();
    await clock.advance(29_000);
    expect((await get()).name).toBe('run');
    expect(await refusal(put('run', changed))).toMatchObject({ code: 'ContainerGroupTransitioning' });
    expect(answered).toBe(false);
    await clock.advance(2000);
    await removal;
    expect((await refusal(get())).status).toBe(404);
  });

  test('of nothing is 204', async () => {
    const { emulator } = await rig();
    expect((await raw(emulator, 'DELETE', 'containerGroups/nothing')).status).toBe(204);
  });
});

describe('lists', () => {
  test('listShowsInstanceView: have no instance view unless switched on, by resource group and by subscription', async () => {
    const { put, client, clock, emulator } = await held({ runMs: Infinity });
    await put('one');
    await client.containerGroups.beginCreateOrUpdate('rg-other', 'two', group());
    await clock.advance(10_000);
    const states = async (found: ReturnType<typeof client.containerGroups.list>): Promise<unknown[]> => {
      const all = [];
      for await (const { name, instanceView, containers } of found)
        all.push([name, instanceView?.state, containers[0]?.instanceView?.restartCount]);
      return all;
    };
    expect(await states(client.containerGroups.list())).toEqual([
      ['one', undefined, undefined],
      ['two', undefined, undefined],
    ]);
    expect(await states(client.containerGroups.listByResourceGroup(resourceGroup))).toEqual([
      ['one', undefined, undefined],
    ]);
    emulator.switches.set({ listShowsInstanceView: true });
    expect(await states(client.containerGroups.listByResourceGroup(resourceGroup))).toEqual([['one', 'Running', 0]]);
  });
});
