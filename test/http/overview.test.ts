import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { insertRuns, sampleRuns } from '../../scripts/sample-runs.ts';
import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { createClient } from '../../src/client/client.ts';
import { pushScript, serverHarness, type ServerHarness } from './support/server-harness.ts';

describe('the overview', () => {
  const all = newApiKey({ name: 'all', scopes: ['tasks:read', 'tasks:write', 'runs:create', 'runs:read'] });
  const two = newApiKey({ name: 'two', scopes: ['runs:read'], tasks: ['StopVM', 'RotateKeys'] });
  const runs = [...sampleRuns({ count: 1_300, now: Date.now() - 60_000, spanMs: 20 * 3_600_000 })];
  let harness: ServerHarness;
  let read: number;
  beforeAll(async () => {
    harness = await serverHarness({
      app: { keys: apiKeys([all.entry, two.entry]) },
      apiKey: all.key,
      decorate: (context) => ({
        ...context,
        storage: {
          ...context.storage,
          listRuns: async (...given) => {
            const page = await context.storage.listRuns(...given);
            read += page.runs.length;
            return page;
          },
        },
      }),
    });
    insertRuns(harness.directory, runs);
  });
  afterAll(() => harness.dispose());

  test('looks at a thousand runs and no more, and says so', async () => {
    read = 0;
    const overview = await harness.client.overview();
    expect(overview).toMatchObject({ runs: 1_000, complete: false, since: runs.at(-1_000)?.createdAt });
    expect(read).toBe(1_000);
    const latest = await harness.client.overview({ hours: 2 });
    expect(latest.complete).toBe(true);
    expect(latest.runs).toBeLessThan(200);
  });

  test('shows a key for some tasks these alone', async () => {
    const overview = await createClient({ url: harness.url, apiKey: two.key }).overview();
    const theirs = runs.filter(({ taskName }) => taskName === 'StopVM').length;
    expect(overview.tasks.map(({ taskName }) => taskName).toSorted()).toEqual(['RotateKeys', 'StopVM']);
    expect(theirs).toBeGreaterThan(0);
    expect(overview.runs).toBeLessThanOrEqual(1_000);
  });

  test('counts what is open, and who holds the room there is', async () => {
    await pushScript(harness.client, 'Sleeper', 'sleep 600 & wait $!', { timeouts: { graceSeconds: 1 } });
    await harness.client.run({ taskName: 'Sleeper' });
    await expect
      .poll(async () => (await harness.client.overview()).open, { timeout: 30_000 })
      .toEqual({ queued: 0, starting: 0, running: 1 });
    expect((await harness.client.overview()).places).toEqual([{ name: 'local', runners: 64, held: 1 }]);
    const hidden = await createClient({ url: harness.url, apiKey: two.key }).overview();
    expect(hidden.open).toEqual({ queued: 0, starting: 0, running: 0 });
  });
});
