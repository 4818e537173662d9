import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { scopes, type Scope } from '../../src/contract/routes.ts';
import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { pushScript, serverHarness, type ServerHarness } from '../http/support/server-harness.ts';
import { overHttp, overStdio, textOf, type Connect } from './support/mcp-client.ts';

const made = (name: string, granted: readonly Scope[], tasks?: string[]) =>
  newApiKey({ name, scopes: [...granted], ...(tasks === undefined ? {} : { tasks }) });
const keys = {
  admin: made('admin', scopes),
  agent: made('agent', ['tasks:read', 'runs:create', 'runs:read'], ['Mine']),
  starter: made('starter', ['tasks:read', 'runs:create']),
  looker: made('looker', ['tasks:read', 'runs:read', 'runs:cancel']),
  blind: made('blind', ['runs:create', 'runs:read']),
};

let harness: ServerHarness;
beforeAll(async () => {
  harness = await serverHarness({
    app: { keys: apiKeys(Object.values(keys).map(({ entry }) => entry)) },
    apiKey: keys.admin.key,
  });
  for (const name of ['Mine', 'Yours']) await pushScript(harness.client, name, 'echo ran');
});
afterAll(() => harness.dispose());

describe.each<[string, Connect]>([
  ['HTTP', overHttp],
  ['standard input and output', overStdio],
])('a key over %s', (_, connect) => {
  async function within<T>(
    who: keyof typeof keys,
    use: (session: Awaited<ReturnType<Connect>>, tools: string[]) => Promise<T>,
  ): Promise<T> {
    const session = await connect({ url: harness.url, apiKey: keys[who].key });
    try {
      const { tools } = await session.client.listTools();
      return await use(session, tools.map(({ name }) => name).toSorted());
    } finally {
      await session.close();
    }
  }

  const looking = ['get_run', 'get_run_log', 'list_runs', 'wait_for_run'];

  test('for one task: nothing else is there', async () => {
    await within('agent', async (session, tools) => {
      expect(tools).toEqual(['Mine', ...looking].toSorted());
      const result = await session.call('Mine');
      expect(result.structuredContent).toMatchObject({ state: 'succeeded', requestedBy: 'agent' });
      expect(textOf(await session.call('Yours'))).toContain('there is no task "Yours"');
      const others = await harness.client.run({ taskName: 'Yours' });
      expect(textOf(await session.call('get_run', { id: others.id }))).toContain('there is no run');
      const refused = await session.call('cancel_run', { id: String(result.structuredContent?.['id']) });
      expect([refused.isError, textOf(refused)]).toEqual([
        true,
        'this needs a key with the scope runs:cancel; agent has tasks:read, runs:create, runs:read',
      ]);
    });
  });

  test('that may not start runs has no task as a tool, and is told the scope', async () => {
    await within('looker', async (session, tools) => {
      expect(tools).toEqual(['cancel_run', ...looking]);
      expect(textOf(await session.call('Mine'))).toContain('needs a key with the scope runs:create');
    });
  });

  test('that may not read tasks has none as a tool, and is told the scope', async () => {
    await within('blind', async (session, tools) => {
      expect(tools).toEqual(looking);
      expect(textOf(await session.call('Mine'))).toContain('needs a key with the scope tasks:read');
    });
  });

  test('that may start runs and not look at them learns the id of its run', async () => {
    await within('starter', async (session, tools) => {
      expect(tools).toEqual(['Mine', 'Yours']);
      const result = await session.call('Mine');
      expect(result.isError).toBe(false);
      expect(textOf(result)).toMatch(/was accepted.*needs a key with the scope runs:read/);
      const id = String(result.structuredContent?.['id']);
      expect(await harness.client.wait(id)).toMatchObject({ state: 'succeeded', requestedBy: 'starter' });
    });
  });
});

test('without a key there is no session', async () => {
  await expect(overHttp({ url: harness.url })).rejects.toThrow(/unauthorized/);
  const session = await overStdio({ url: harness.url });
  await expect(session.client.listTools()).rejects.toThrow(/the API key is missing/);
  await session.close();
});
