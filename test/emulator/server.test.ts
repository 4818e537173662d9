import { describe, expect, test } from 'vitest';

import { instantEngine } from '../../emulator/server.ts';
import { create, ended, group, refusal, resourceGroup, rig, until } from './support/harness.ts';

describe('driven by the SDK', () => {
  test('a group is created, runs, is seen to have ended, and is deleted', async () => {
    const seen: Record<string, string>[] = [];
    const engine = instantEngine({
      behavior: ({ environment }) => ({ runMs: 5000, effect: async () => void seen.push({ ...environment }) }),
    });
    const env = [
      { name: 'PLAIN', value: 'a' },
      { name: 'SECRET', secureValue: 'b' },
    ];
    const bench = await rig({ engine });
    const created = await create(bench, 'run-1', group({}, { environmentVariables: env }));
    expect(created.provisioningState).toBe('Succeeded');
    const done = await until(bench, 'run-1', ended);
    expect(done.instanceView?.state).toBe('Succeeded');
    expect(done.containers[0]?.instanceView?.currentState).toMatchObject({
      state: 'Terminated',
      exitCode: 0,
      detailStatus: 'Completed',
    });
    expect(seen).toEqual([{ PLAIN: 'a', SECRET: 'b' }]);

    const removed = await bench.client.containerGroups.beginDeleteAndWait(resourceGroup, 'run-1');
    expect(removed.name).toBe('run-1');
    expect(await refusal(bench.client.containerGroups.get(resourceGroup, 'run-1'))).toMatchObject({
      status: 404,
      code: 'ResourceNotFound',
    });
  });
});

test('connections that rest are kept: a request on one that is being closed would look like a lost answer', async () => {
  const { emulator } = await rig();
  const response = await fetch(`${emulator.url}/subscriptions`);
  await response.text();
  expect(Number(/timeout=(\d+)/.exec(response.headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThanOrEqual(60);
});
