import { describe, expect, test } from 'vitest';

import { create, group, refusal, resourceGroup, rig } from './support/harness.ts';
import type { Rig } from './support/harness.ts';

function put({ client }: Rig, name: string, abortSignal?: AbortSignal): Promise<unknown> {
  return client.containerGroups.beginCreateOrUpdate(
    resourceGroup,
    name,
    group(),
    abortSignal === undefined ? {} : { abortSignal },
  );
}

function remove({ client }: Rig, name: string): Promise<unknown> {
  return client.containerGroups.beginDeleteAndWait(resourceGroup, name);
}

describe('an answer that is lost', () => {
  test('lostCreateAnswer: the group is there all the same', async () => {
    const bench = await rig({ switches: { lostCreateAnswer: 'next:1' } });
    expect(await refusal(put(bench, 'run'))).not.toHaveProperty('status');
    expect((await bench.client.containerGroups.get(resourceGroup, 'run')).name).toBe('run');
    expect(bench.emulator.requests[0]).toMatchObject({ method: 'PUT', lost: true, status: undefined });
  });

  test('lostDeleteAnswer: the group is gone all the same', async () => {
    const bench = await rig({ switches: { lostDeleteAnswer: 'next:1' } });
    await create(bench, 'run');
    expect(await refusal(remove(bench, 'run'))).not.toHaveProperty('status');
    expect((await refusal(bench.client.containerGroups.get(resourceGroup, 'run'))).status).toBe(404);
  });

  test('lostAnswer: of any request', async () => {
    const bench = await rig();
    await create(bench, 'run');
    bench.emulator.switches.set({ lostAnswer: 'next:1' });
    expect(await refusal(bench.client.containerGroups.get(resourceGroup, 'run'))).not.toHaveProperty('status');
    await bench.client.containerGroups.get(resourceGroup, 'run');
  });

  test('what is refused is not lost', async () => {
    const bench = await rig({ switches: { lostCreateAnswer: 'next:1', regionFull: 'next:1' } });
    expect(await refusal(put(bench, 'run'))).toMatchObject({ status: 409 });
    expect(await refusal(put(bench, 'run'))).not.toHaveProperty('status');
  });
});

describe('silence', () => {
  test('silence: nothing is done, and nothing said', async () => {
    const bench = await rig({ switches: { silence: 'next:1' } });
    await expect(put(bench, 'run', AbortSignal.timeout(300))).rejects.toThrow(/abort/i);
    expect((await refusal(bench.client.containerGroups.get(resourceGroup, 'run'))).status).toBe(404);
  });

  test('silentCreate: the group is made, and nothing said', async () => {
    const bench = await rig({ switches: { silentCreate: 'next:1' } });
    await expect(put(bench, 'run', AbortSignal.timeout(300))).rejects.toThrow(/abort/i);
    expect((await bench.client.containerGroups.get(resourceGroup, 'run')).name).toBe('run');
  });

  test('does not keep the emulator from closing', async () => {
    const bench = await rig({ switches: { silence: 1 } });
    const waiting = refusal(put(bench, 'run'));
    await expect.poll(() => bench.emulator.requests.length).toBe(1);
    await bench.emulator.close();
    expect(await waiting).not.toHaveProperty('status');
  });
});

describe('a server in trouble', () => {
  test('serverError: 500 and 503 before anything is done', async () => {
    const bench = await rig({ switches: { serverError: 'next:12', retryAfterSeconds: 9 } });
    const seen = new Set<string>();
    for (let count = 0; count < 12; count += 1) {
      const { status, retryAfter } = await refusal(put(bench, 'run'));
      seen.add(`${status} ${retryAfter}`);
    }
    expect([...seen].toSorted()).toEqual(['500 undefined', '503 9']);
    expect((await refusal(bench.client.containerGroups.get(resourceGroup, 'run'))).status).toBe(404);
  });

  test('lateServerError: 500 although it was done', async () => {
    const bench = await rig({ switches: { lateServerError: 'next:1' } });
    expect(await refusal(put(bench, 'run'))).toMatchObject({ status: 500, code: 'InternalServerError' });
    expect((await bench.client.containerGroups.get(resourceGroup, 'run')).name).toBe('run');
  });
});
