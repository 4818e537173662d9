import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { insertRuns, sampleRuns } from '../../scripts/sample-runs.ts';
import { createClient, type ChangeEvent, type Client } from '../../src/client/client.ts';
import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { pushScript, serverHarness, type ServerHarness } from './support/server-harness.ts';
import { spawnServer } from './support/spawn-server.ts';

/** Reads changes until one is as wanted. */
async function changesUntil(
  client: Client,
  isLast: (event: ChangeEvent) => boolean,
  onOpen: () => Promise<unknown>,
): Promise<ChangeEvent[]> {
  const seen: ChangeEvent[] = [];
  for await (const event of client.changes()) {
    seen.push(event);
    if (event.event === 'open' && seen.length === 1) await onOpen();
    if (isLast(event)) break;
  }
  return seen;
}

const isEnd = (event: ChangeEvent): boolean => event.event === 'change' && event.change.state === 'succeeded';

describe('changes of all runs', () => {
  const all = newApiKey({
    name: 'all',
    scopes: ['tasks:read', 'tasks:write', 'runs:create', 'runs:read', 'runs:cancel'],
  });
  const one = newApiKey({ name: 'one', scopes: ['runs:read'], tasks: ['Mine'] });
  const none = newApiKey({ name: 'none', scopes: ['tasks:read'] });
  let harness: ServerHarness;
  let client: Client;
  beforeAll(async () => {
    const keys = apiKeys([all.entry, one.entry, none.entry]);
    harness = await serverHarness({ app: { keys, streamSeconds: 3, heartbeatMs: 200 }, apiKey: all.key });
    ({ client } = harness);
    await pushScript(client, 'Mine', 'true');
    await pushScript(client, 'Theirs', 'true');
  });
  afterAll(() => harness.dispose());

  test('are told from "open" on, with task and state', async () => {
    let id = '';
    const seen = await changesUntil(client, isEnd, async () => {
      ({ id } = await client.run({ taskName: 'Mine' }));
    });
    expect(seen[0]).toEqual({ event: 'open' });
    const { version } = await client.get(id);
    expect(seen.at(-1)).toEqual({
      event: 'change',
      change: { id, taskName: 'Mine', state: 'succeeded', version: expect.any(Number) },
    });
    expect(version).toBeGreaterThan(0);
  });

  test('are told of the tasks alone that a key is for', async () => {
    const restricted = createClient({ url: harness.url, apiKey: one.key });
    const seen = await changesUntil(restricted, isEnd, async () => {
      await client.wait((await client.run({ taskName: 'Theirs' })).id);
      await client.run({ taskName: 'Mine' });
    });
    const tasks = seen.flatMap((event) => (event.event === 'change' ? [event.change.taskName] : []));
    expect(new Set(tasks)).toEqual(new Set(['Mine']));
  });

  test('need the scope that runs are read with', async () => {
    const blind = createClient({ url: harness.url, apiKey: none.key });
    await expect(changesUntil(blind, isEnd, () => Promise.resolve())).rejects.toMatchObject({ status: 403 });
  });

  test('come in streams that end by themselves, with signs of life until then', async () => {
    const answer = await fetch(`${harness.url}/api/changes`, { headers: { 'X-Api-Key': all.key } });
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const text = await answer.text();
    expect(text).toMatch(/^event: open\ndata: \{\}\n\n/);
    expect(text).toContain(':\n\n');
    expect(text).toMatch(/retry: 1000\n\n$/);
  });

  test('a reader who was cut off comes back, and is told to read everything again', async () => {
    let opens = 0;
    await changesUntil(
      client,
      ({ event }) => {
        if (event === 'open') opens += 1;
        return opens === 2;
      },
      () => Promise.resolve(),
    );
    expect(opens).toBe(2);
  });

  test('by this process are told of old runs, too, of which storage would not be asked', async () => {
    const [lost, ...newer] = sampleRuns({ count: 61, now: Date.now() - 3_600_000, spanMs: 3_600_000 });
    if (lost === undefined) throw new Error('there is no sample');
    insertRuns(harness.directory, [{ ...lost, state: 'lost', reason: 'vanished' }, ...newer]);
    const seen = await changesUntil(
      client,
      (event) => event.event === 'change' && event.change.id === lost.id,
      () => client.resolve(lost.id, { outcome: 'failed', note: 'seen' }),
    );
    expect(seen.at(-1)).toMatchObject({ change: { state: 'lost', version: lost.version + 1 } });
  });

  test('of another process on the same storage are told, too', async () => {
    const other = await spawnServer(harness.directory);
    try {
      const elsewhere = createClient({ url: other.url });
      let id = '';
      const seen = await changesUntil(client, isEnd, async () => {
        ({ id } = await elsewhere.run({ taskName: 'Mine' }));
      });
      expect(seen.at(-1)).toMatchObject({ change: { id, state: 'succeeded' } });
    } finally {
      other.process.kill('SIGTERM');
      await other.ended;
    }
  });
});
