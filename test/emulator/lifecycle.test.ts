import { describe, expect, test } from 'vitest';

import { group, refusal, resourceGroup } from './support/harness.ts';
import { held } from './support/held.ts';

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
    const { clock, put, starts, states, get } = await held({ runMs: Infinity });
    await put();
    await clock.advance(10_000);
    await put('run', changed);
    await clock.advance(10_000);
    expect(starts).toEqual(['task 1', 'task 2']);
    expect(await states()).toEqual(['Succeeded', 'Running', 'Running', undefined, 1]);
    expect((await get()).containers[0]?.instanceView?.previousState).toMatchObject({
      state: 'Terminated',
      exitCode: 137,
    });
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
