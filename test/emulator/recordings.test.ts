import { describe, expect, test } from 'vitest';

import { instantEngine, manualClock } from '../../emulator/server.ts';
import capabilities from './fixtures/capabilities.2025-09-01.json' with { type: 'json' };
import failed from './fixtures/group-failed.2025-09-01.json' with { type: 'json' };
import traffic from './fixtures/traffic.2021-10-01.json' with { type: 'json' };
import usage from './fixtures/usage.2025-09-01.json' with { type: 'json' };
import { group, raw, rig, subscription } from './support/harness.ts';
import type { RawAnswer } from './support/harness.ts';

const groupPath = `/subscriptions/${subscription}/resourceGroups/myjstest/providers/Microsoft.ContainerInstance/containerGroups`;

/** Ids, times and durations, which differ from one run to the next, by what they are. */
function masked(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replaceAll(subscription, '{sub}')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z/g, '<fine time>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>')
    .replaceAll(/ in [\d.]+s"/g, ' in <duration>"');
  return JSON.parse(text) as unknown;
}

/** The same structure with the type of each leaf in its place; of arrays the first item. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item)]));
}

/** The request that the recorded answer belongs to. */
const body = {
  location: 'eastus',
  identity: { type: 'SystemAssigned' },
  properties: {
    containers: [
      {
        name: 'my-containerinstancexx',
        properties: {
          image: 'nginx',
          ports: [{ port: 80 }],
          command: [],
          environmentVariables: [],
          resources: { requests: { cpu: 1, memoryInGB: 1.5 } },
          volumeMounts: [{ name: 'empty-volume', mountPath: 'mnt/mydir' }],
        },
      },
    ],
    osType: 'Linux',
    restartPolicy: 'OnFailure',
    diagnostics: { logAnalytics: { workspaceId: 'workspaceid', workspaceKey: 'workspaceKey' } },
    volumes: [{ name: 'empty-volume', emptyDir: {} }],
  },
};

const [put, firstPoll, secondPoll, lastPoll, final, removal, list] = traffic.entries;

describe('answers are those that the real service gave', () => {
  async function replay() {
    const clock = manualClock();
    const bench = await rig({
      clock,
      engine: instantEngine({ behavior: () => ({ runMs: Infinity, pullMs: 10_807 }) }),
    });
    const created = await raw(bench.emulator, 'PUT', `${groupPath}/mycontainergroupxxx`, body);
    const operation = new URL(created.headers.get('azure-asyncoperation') ?? '');
    const poll = (): Promise<RawAnswer> => raw(bench.emulator, 'GET', operation.pathname, undefined, '2018-06-01');
    return { ...bench, clock, created, operation, poll, path: `${groupPath}/mycontainergroupxxx` };
  }

  /** Names of groups are lower-case now; when this was recorded they need not be. */
  const lowered = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value)
        .replaceAll('mycontainerGroupxxx', 'mycontainergroupxxx')
        .replaceAll('resourceGroups', 'resourcegroups'),
    );

  test('PUT', async () => {
    const { created, operation } = await replay();
    expect(created.status).toBe(put?.status);
    expect(lowered(masked(created.body))).toEqual(lowered(masked(put?.body)));
    const recorded = new URL(put?.headers?.['Azure-AsyncOperation'].replace('{sub}', subscription) ?? '');
    expect(masked(operation.pathname + operation.search)).toEqual(masked(recorded.pathname + recorded.search));
    expect(Object.keys(put?.headers ?? {}).filter((name) => created.headers.get(name) === null)).toEqual([]);
    for (const name of ['pt1h', 'pt5m']) {
      const header = `x-ms-ratelimit-remaining-subscription-resource-requests-${name}`;
      expect(created.headers.get(header)).toBe(new Headers(put?.headers).get(header));
    }
    expect([created.headers.get('location'), created.headers.get('retry-after')]).toEqual([null, null]);
  });

  test('the operation, from Pending to Succeeded', async () => {
    const { poll, clock } = await replay();
    expect(lowered(masked((await poll()).body))).toEqual(lowered(masked(firstPoll?.body)));
    await clock.advance(1000);
    // It was condensed to its state when it was recorded.
    expect((await poll()).body).toMatchObject({ status: secondPoll?.body?.status });
    await clock.advance(10_807);
    const { status, body: last } = await poll();
    expect(status).toBe(lastPoll?.status);
    expect(masked(last)).toMatchObject(masked(lastPoll?.body) as object);
    expect(shape(last)).toMatchObject(shape(lastPoll?.body) as object);
  });

  test('the group once it runs', async () => {
    const { emulator, clock, path } = await replay();
    await clock.advance(20_000);
    const { body: found } = await raw(emulator, 'GET', path);
    const { provisioningState, instanceView, containers } = found['properties'] as {
      provisioningState: string;
      instanceView: object;
      containers: { properties: { instanceView: { events: unknown } } }[];
    };
    const { 'containers[0].properties.instanceView': view, ...excerpt } = final?.bodyExcerpt?.properties ?? {
      'containers[0].properties.instanceView': undefined,
    };
    expect({ provisioningState, instanceView }).toEqual(excerpt);
    const { events } = { events: [], ...(lastPoll?.body?.properties as object) };
    expect(masked(containers[0]?.properties.instanceView)).toEqual(masked({ ...view, events }));
  });

  test('DELETE, and the list after it', async () => {
    const { emulator, clock, path } = await replay();
    await clock.advance(20_000);
    const removed = await raw(emulator, 'DELETE', path);
    expect(removed.status).toBe(removal?.status);
    expect(removed.body).toMatchObject({
      name: 'mycontainergroupxxx',
      properties: { instanceView: { state: 'Running' } },
    });
    const header = (name: string): string | null =>
      removed.headers.get(`x-ms-ratelimit-remaining-subscription-${name}`);
    expect([header('resource-requests-pt1h'), header('resource-requests-pt5m'), header('deletes')]).toEqual([
      '299',
      '99',
      '14999',
    ]);
    expect(removed.headers.get('azure-asyncoperation')).toBeNull();
    expect((await raw(emulator, 'GET', groupPath)).body).toEqual(list?.body);
  });

  test('an operation that found no capacity', async () => {
    const recorded = traffic.failedOperationSeenInTheWild.body;
    const clock = manualClock();
    const { emulator } = await rig({ clock, regions: ['swedencentral'], switches: { insufficientCapacity: 'next:1' } });
    const spec = { ...body, location: 'swedencentral' };
    const [container] = spec.properties.containers;
    if (container !== undefined) container.properties.resources.requests = { cpu: 2, memoryInGB: 4 };
    const created = await raw(emulator, 'PUT', `${groupPath}/x`, spec);
    await clock.advance(1000);
    const { body: found } = await raw(
      emulator,
      'GET',
      new URL(created.headers.get('azure-asyncoperation') ?? '').pathname,
    );
    expect(shape(found)).toEqual(shape(recorded));
    const { properties, error } = found as unknown as typeof recorded;
    const [event] = properties.events;
    expect(event).toMatchObject({
      name: 'InsufficientCapacity.',
      message: recorded.properties.events[0]?.message,
      type: 'Warning',
    });
    expect(error.message).toBe(event?.message);
  });
});

describe('answers have the form of the published examples', () => {
  test('usages', async () => {
    const { emulator } = await rig();
    const path = `/subscriptions/${subscription}/providers/Microsoft.ContainerInstance/locations/westus/usages`;
    expect(shape((await raw(emulator, 'GET', path)).body)).toEqual(shape(usage.responses['200'].body));
  });

  test('capabilities', async () => {
    const { emulator } = await rig();
    const path = `/subscriptions/${subscription}/providers/Microsoft.ContainerInstance/locations/westus/capabilities`;
    expect(shape((await raw(emulator, 'GET', path)).body)).toEqual(shape(capabilities.responses['200'].body));
  });

  test('a container that waits, with the events of its pull', async () => {
    const clock = manualClock();
    const bench = await rig({ clock, switches: { pullMs: 10_000 } });
    await bench.client.containerGroups.beginCreateOrUpdate('rg', 'waiting', group());
    await clock.advance(2000);
    const { body: found } = await raw(bench.emulator, 'GET', `${groupPath.replace('myjstest', 'rg')}/waiting`);
    const view = (of: unknown): { currentState: object; events: object[] } =>
      (of as (typeof failed.responses)['200']['body']).properties.containers[0]?.properties.instanceView as never;
    const { currentState, events, ...rest } = view(found);
    const example = view(failed.responses['200'].body);
    expect(currentState).toEqual({ state: 'Waiting', detailStatus: '' });
    expect(events[0]).toMatchObject({ name: 'Pulling', type: 'Normal' });
    expect(shape(events[0])).toEqual(shape(example.events[0]));
    expect({ ...rest, currentState: 0, events: 0 }).toEqual({ ...example, currentState: 0, events: 0 });
  });
});
