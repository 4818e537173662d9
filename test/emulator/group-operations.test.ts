import { describe, expect, test } from 'vitest';

import { group, raw, refusal, resourceGroup, rig } from './support/harness.ts';
import { held } from './support/held.ts';

/** The group, changed in a way that no quota minds. */
const changed = group({}, { command: ['other'] });

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
    expect(await refusal(client.containerGroups.beginDelete(resourceGroup, 'run'))).toMatchObject({ status: 409 });
    await clock.advance(2000);
    await removal;
    expect((await refusal(get())).status).toBe(404);
  });

  test('after a create leaves its operation as it ended', async () => {
    const { put, emulator, client, clock } = await held({});
    await put();
    await clock.advance(10_000);
    const operation = emulator.requests.find(({ path }) => path.includes('/operations/'))?.path ?? '';
    await client.containerGroups.beginDeleteAndWait(resourceGroup, 'run');
    expect((await raw(emulator, 'GET', operation)).body).toMatchObject({ status: 'Succeeded' });
  });

  test('ends a container whose effect would never end', async () => {
    const { put, client, clock, states } = await held({ effect: () => new Promise(() => undefined) });
    await put();
    await clock.advance(10_000);
    expect((await states())[1]).toBe('Running');
    await client.containerGroups.beginDeleteAndWait(resourceGroup, 'run');
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
