import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import type { ContainerGroup, ContainerPropertiesInstanceView } from '@azure/arm-containerinstance';
import { describe, expect, onTestFinished, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Observation } from '../../src/core/ports/runner-driver.ts';
import { azureContainerInstances } from '../../src/runners/azure-container-instances.ts';
import { toObservation } from '../../src/runners/azure-observe.ts';
import { listen } from '../support/listen.ts';

const tags = { 'errand-run': 'r', 'errand-attempt': '1', 'errand-instance': 'i' };
const full =
  "The requested resource is not available in the location 'westus' at this moment. Please retry with a different resource request or in another location.";

type Change = Partial<Pick<ContainerGroup, 'provisioningState' | 'instanceView' | 'tags'>>;

function group(container: ContainerPropertiesInstanceView | undefined, change: Change = {}): ContainerGroup {
  return {
    id: '/id',
    tags,
    osType: 'Linux',
    provisioningState: 'Succeeded',
    containers: [
      {
        name: 'runner',
        image: 'x',
        resources: { requests: { cpu: 1, memoryInGB: 1 } },
        ...(container === undefined ? {} : { instanceView: container }),
      },
    ],
    ...change,
  };
}

const ended = (exitCode: number, detailStatus = 'Error') => ({
  currentState: { state: 'Terminated', exitCode, detailStatus },
});
const running = { currentState: { state: 'Running', detailStatus: '' } };
const waiting = { currentState: { state: 'Waiting', detailStatus: '' } };
const warning = (name: string, message: string) => ({ name, message, type: 'Warning' });

const cases: readonly (readonly [name: string, group: ContainerGroup, seen: object])[] = [
  ['nothing yet', group(undefined, { provisioningState: 'Pending' }), { state: 'pending', phase: expect.any(String) }],
  [
    'an image that does not come',
    group(
      { ...waiting, events: [warning('Failed', 'Failed to pull image "x": timeout')] },
      { provisioningState: 'Creating' },
    ),
    { state: 'pending', phase: 'Failed to pull image "x": timeout' },
  ],
  ['running', group(running), { state: 'running', containerId: '/id' }],
  ['running, said to have failed', group(running, { provisioningState: 'Failed' }), { state: 'running' }],
  ['under repair', group(running, { provisioningState: 'Repairing' }), { state: 'running' }],
  ['ended', group(ended(0, 'Completed')), { state: 'exited', exitCode: 0, oomKilled: false, tail: '' }],
  ['ended badly', group(ended(70)), { state: 'exited', exitCode: 70 }],
  ['out of memory', group(ended(137, 'OOMKilled')), { state: 'exited', exitCode: 137, oomKilled: true }],
  ['ended, said to have failed', group(ended(1), { provisioningState: 'Failed' }), { state: 'exited', exitCode: 1 }],
  // Azure keeps no state of the containers of a group that was stopped.
  ['stopped', group(undefined, { instanceView: { state: 'Stopped' } }), { state: 'exited', exitCode: 137 }],
  ['evicted a moment ago', group(running, { instanceView: { state: 'Stopped' } }), { state: 'exited', exitCode: 137 }],
  [
    'no capacity',
    group(undefined, {
      provisioningState: 'Failed',
      instanceView: { state: 'Failed', events: [warning('InsufficientCapacity.', full)] },
    }),
    { state: 'noCapacity', message: full },
  ],
  [
    'an image that cannot be had',
    group({ ...waiting, events: [warning('Failed', 'Failed to pull image "x"')] }, { provisioningState: 'Failed' }),
    { state: 'refused', reason: 'imageUnavailable', permanent: false, message: 'Failed to pull image "x"' },
  ],
  [
    'failed without a word',
    group(undefined, { provisioningState: 'Failed' }),
    { state: 'refused', reason: 'startError' },
  ],
  ['canceled', group(undefined, { provisioningState: 'Canceled' }), { state: 'refused', permanent: false }],
  ['no tags', group(running, { tags: {} }), { state: 'foreign' }],
  ['half of our tags', group(running, { tags: { 'errand-run': 'r' } }), { state: 'foreign' }],
];

describe('a group', () => {
  test.each(cases)('is seen as it is: %s', (_, found, seen) => {
    expect(toObservation(found)).toMatchObject(seen);
  });
});

/** What the driver says of a group as the service has sent it. */
async function observed(body: { properties: object }): Promise<Observation> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify({ ...body, tags }));
  });
  const port = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const driver = azureContainerInstances({
    subscriptionId: 's',
    resourceGroup: 'g',
    connection: { endpoint, allowInsecure: true },
    places: [{ region: 'eastus' }],
    identities: [],
    registries: [],
    runnerScript: '/nonexistent',
    clock: systemClock,
    logger: silentLogger,
  });
  return driver.observe('any');
}

interface Recorded {
  properties: { containers: [{ name: string; properties: object }] };
}

interface Traffic {
  entries: { request: string; body?: Recorded; bodyExcerpt?: { properties: Record<string, unknown> } }[];
  failedOperationSeenInTheWild: { body: { properties: { events: object[] } } };
}

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(`test/emulator/fixtures/${name}`, 'utf8'));
}

describe('what the service was recorded to send', () => {
  const traffic = fixture('traffic.2021-10-01.json') as Traffic;
  const accepted = traffic.entries[0]?.body;
  if (accepted === undefined) throw new Error('the recording has no answer to its PUT');
  const [container] = accepted.properties.containers;

  test('when it had accepted a group', async () => {
    expect(await observed(accepted)).toEqual({ state: 'pending', phase: 'waiting for Azure to find a place' });
  });

  test('when the group ran', async () => {
    const excerpt = traffic.entries.find(({ bodyExcerpt }) => bodyExcerpt !== undefined)?.bodyExcerpt?.properties;
    const view = { ...(excerpt?.['containers[0].properties.instanceView'] as object), events: [] };
    const properties = {
      ...accepted.properties,
      provisioningState: excerpt?.['provisioningState'],
      instanceView: excerpt?.['instanceView'],
      containers: [{ ...container, properties: { ...container.properties, instanceView: view } }],
    };
    expect(await observed({ ...accepted, properties })).toMatchObject({ state: 'running' });
  });

  test('when the region was full', async () => {
    const { events } = traffic.failedOperationSeenInTheWild.body.properties;
    const properties = {
      ...accepted.properties,
      provisioningState: 'Failed',
      instanceView: { events, state: 'Failed' },
    };
    expect(await observed({ ...accepted, properties })).toMatchObject({
      state: 'noCapacity',
      message: expect.stringContaining('swedencentral'),
    });
  });

  test('when a volume could not be mounted', async () => {
    const example = fixture('group-failed.2025-09-01.json') as { responses: { 200: { body: Recorded } } };
    expect(await observed(example.responses[200].body)).toEqual({
      state: 'refused',
      reason: 'startError',
      permanent: false,
      message: 'Output: mount error(2): Permission denied',
    });
  });
});
