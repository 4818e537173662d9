import { describe, expect, test } from 'vitest';

import { instantEngine, manualClock } from '../../emulator/server.ts';
import { create, group, raw, refusal, resourceGroup, rig, until, ended } from './support/harness.ts';
import type { Rig } from './support/harness.ts';

const forever = instantEngine({ behavior: () => ({ runMs: Infinity }) });

function put({ client }: Rig, name: string, body = group()): Promise<unknown> {
  return client.containerGroups.beginCreateOrUpdate(resourceGroup, name, body);
}

function remove({ client }: Rig, name: string): Promise<unknown> {
  return client.containerGroups.beginDeleteAndWait(resourceGroup, name);
}

describe('quotas', () => {
  test('groupQuota: groups of a region, ended ones included until they are deleted', async () => {
    const bench = await rig({ switches: { groupQuota: 2 } });
    await create(bench, 'one');
    await create(bench, 'two');
    await until(bench, 'one', ended);
    expect(await refusal(put(bench, 'three'))).toMatchObject({
      status: 400,
      code: 'ContainerGroupQuotaReached',
      message: expect.stringContaining(
        "quota 'ContainerGroups' exceeded in region 'westus'. Limit: '2', Usage: '2' Requested: '1'",
      ),
    });
    await put(bench, 'elsewhere', group({ location: 'East US' }));
    await remove(bench, 'one');
    await put(bench, 'three');
  });

  test('coreQuota: cores of a region, with the text that tells it from a full region', async () => {
    const bench = await rig({ switches: { coreQuota: 3 } });
    const two = group({}, { resources: { requests: { cpu: 2, memoryInGB: 1 } } });
    await put(bench, 'one', two);
    expect(await refusal(put(bench, 'two', two))).toMatchObject({
      status: 409,
      code: 'ServiceUnavailable',
      message: expect.stringContaining(
        "quota 'StandardCores' exceeded in region 'westus'. Limit: '3', Usage: '2' Requested: '2'",
      ),
    });
    await put(bench, 'two');
  });

  test('usages tell what is used up', async () => {
    const bench = await rig({ engine: forever });
    await put(bench, 'one', group({}, { resources: { requests: { cpu: 2, memoryInGB: 1 } } }));
    const usages = async (region: string): Promise<unknown[]> => {
      const all = [];
      for await (const { name, currentValue, limit } of bench.client.location.listUsage(region))
        all.push([name?.value, currentValue, limit]);
      return all;
    };
    expect(await usages('westus')).toEqual([
      ['ContainerGroups', 1, 100],
      ['StandardCores', 2, 100],
    ]);
    expect((await usages('eastus'))[0]).toEqual(['ContainerGroups', 0, 100]);
  });

  test('are those of the real service unless switched', async () => {
    const { emulator } = await rig();
    const names = [
      'groupQuota',
      'coreQuota',
      'createsPerHour',
      'createsPer5Minutes',
      'deletesPerHour',
      'deletesPer5Minutes',
    ] as const;
    expect(names.map((name) => emulator.switches.get(name))).toEqual([100, 100, 300, 100, 300, 100]);
  });
});

describe('rates', () => {
  test('createsPer5Minutes, createsPerHour: refused with 429 and the time to wait, and taken when it has passed', async () => {
    const clock = manualClock();
    const bench = await rig({ clock, engine: forever, switches: { createsPer5Minutes: 2, createsPerHour: 3 } });
    await put(bench, 'a');
    await clock.advance(60_000);
    const second = await raw(bench.emulator, 'PUT', 'containerGroups/b', { location: 'westus', properties: group() });
    expect(second.status).toBe(400);
    await put(bench, 'b');
    expect(await refusal(put(bench, 'c'))).toMatchObject({ status: 429, retryAfter: '240' });
    await put(bench, 'elsewhere', group({ location: 'eastus' }));
    await clock.advance(239_000);
    expect(await refusal(put(bench, 'c'))).toMatchObject({ status: 429, retryAfter: '1' });
    await clock.advance(1000);
    await put(bench, 'c');
    await clock.advance(300_000);
    // The third was in this hour, too: until the first has left it.
    expect(await refusal(put(bench, 'd'))).toMatchObject({ status: 429, retryAfter: '3000' });
    await clock.advance(3_000_000);
    await put(bench, 'd');
  });

  test('the headers count down what is left', async () => {
    const { emulator } = await rig({ engine: forever, switches: { createsPer5Minutes: 2 } });
    const body = {
      location: 'westus',
      properties: {
        osType: 'Linux',
        containers: [{ name: 'c', properties: { image: 'a', resources: { requests: { cpu: 1, memoryInGB: 1 } } } }],
      },
    };
    const left = async (name: string): Promise<unknown[]> => {
      const { status, headers } = await raw(emulator, 'PUT', `containerGroups/${name}`, body);
      return [
        status,
        ...['pt1h', 'pt5m'].map((span) =>
          headers.get(`x-ms-ratelimit-remaining-subscription-resource-requests-${span}`),
        ),
      ];
    };
    expect(await left('a')).toEqual([201, '299', '1']);
    expect(await left('b')).toEqual([201, '298', '0']);
    expect(await left('c')).toEqual([429, '298', '0']);
  });

  test('deletesPer5Minutes, deletesPerHour: the same for deletes', async () => {
    const clock = manualClock();
    const bench = await rig({ clock, engine: forever, switches: { deletesPer5Minutes: 1, deletesPerHour: 2 } });
    for (const name of ['a', 'b', 'c']) await put(bench, name);
    await clock.advance(10_000);
    await remove(bench, 'a');
    expect(await refusal(remove(bench, 'b'))).toMatchObject({ status: 429, retryAfter: '300' });
    expect((await bench.client.containerGroups.get(resourceGroup, 'b')).name).toBe('b');
    await clock.advance(300_000);
    await remove(bench, 'b');
    await clock.advance(300_000);
    expect(await refusal(remove(bench, 'c'))).toMatchObject({ status: 429, retryAfter: '3000' });
  });

  test('throttled, retryAfterSeconds: 429 although nothing is used up', async () => {
    const bench = await rig({ switches: { throttled: 'next:1', retryAfterSeconds: 17 } });
    expect(await refusal(put(bench, 'a'))).toMatchObject({ status: 429, code: 'TooManyRequests', retryAfter: '17' });
    await put(bench, 'a');
  });

  test('retryAfterInRealTime: seconds of the caller where time runs faster', async () => {
    const bench = await rig({ factor: 60, switches: { throttled: 'next:2', retryAfterSeconds: 120 } });
    expect(await refusal(put(bench, 'a'))).toMatchObject({ retryAfter: '120' });
    bench.emulator.switches.set({ retryAfterInRealTime: true });
    expect(await refusal(put(bench, 'a'))).toMatchObject({ retryAfter: '2' });
  });

  test('operationRetryAfterSeconds: how often to poll, where it is said', async () => {
    const bench = await rig({ switches: { operationRetryAfterSeconds: 3 } });
    await put(bench, 'a');
    const path = bench.emulator.requests.find((request) => request.path.includes('/operations/'))?.path ?? '';
    expect((await raw(bench.emulator, 'GET', path)).headers.get('retry-after')).toBe('3');
    bench.emulator.switches.set({ operationRetryAfterSeconds: 0 });
    expect((await raw(bench.emulator, 'GET', path)).headers.get('retry-after')).toBeNull();
  });
});

describe('refusals of a region or a registry', () => {
  const cases = [
    ['regionFull', 409, 'ServiceUnavailable', "not available in the location 'westus'"],
    ['registryError', 409, 'RegistryErrorResponse', "docker registry 'index.docker.io'"],
    ['inaccessibleImage', 400, 'InaccessibleImage', "'errand-minimal:local' in container group 'a' is not accessible"],
  ] as const;

  test.each(cases)('%s', async (name, status, code, words) => {
    const bench = await rig({ switches: { [name]: '1@westus' } });
    expect(await refusal(put(bench, 'a'))).toMatchObject({ status, code, message: expect.stringContaining(words) });
    expect((await refusal(bench.client.containerGroups.get(resourceGroup, 'a'))).status).toBe(404);
    await put(bench, 'a', group({ location: 'eastus' }));
  });

  test('an image that there is not', async () => {
    const bench = await rig({ engine: instantEngine({ hasImage: (image) => image !== 'missing' }) });
    expect(await refusal(put(bench, 'a', group({}, { image: 'missing' })))).toMatchObject({
      code: 'InaccessibleImage',
    });
  });
});

describe('scale', () => {
  const limits = { createsPerHour: 10_000, createsPer5Minutes: 10_000, groupQuota: 10_000, coreQuota: 10_000 };
  const body = {
    location: 'westus',
    properties: {
      osType: 'Linux',
      restartPolicy: 'Never',
      containers: [{ name: 'c', properties: { image: 'a', resources: { requests: { cpu: 1, memoryInGB: 1 } } } }],
    },
  };

  test('the same seed gives the same faults, another one others', async () => {
    const outcomes = async (seed: number): Promise<string> => {
      const { emulator } = await rig({ seed, factor: 1000, switches: { ...limits, regionFull: 0.3 } });
      let pattern = '';
      for (let count = 0; count < 30; count += 1)
        pattern += (await raw(emulator, 'PUT', `containerGroups/g${count}`, body)).status === 201 ? '.' : 'x';
      return pattern;
    };
    const first = await outcomes(7);
    expect(first).toMatch(/x/);
    expect(first).toMatch(/\./);
    expect(await outcomes(7)).toBe(first);
    expect(await outcomes(8)).not.toBe(first);
  });

  test('hundreds of groups at once run and end', async () => {
    const bench = await rig({ factor: 1000, switches: limits });
    const names = Array.from({ length: 300 }, (_, index) => `g${index}`);
    const puts = await Promise.all(names.map((name) => raw(bench.emulator, 'PUT', `containerGroups/${name}`, body)));
    expect(new Set(puts.map(({ status }) => status))).toEqual(new Set([201]));
    await until(bench, 'g299', ended);
    expect((await raw(bench.emulator, 'GET', 'containerGroups')).body['value']).toHaveLength(300);
  });
});
