import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { pushScript, serverHarness, type ServerHarness } from './support/server-harness.ts';

describe('runs over HTTP', () => {
  let harness: ServerHarness;

  beforeAll(async () => {
    harness = await serverHarness();
    await pushScript(harness.client, 'Greet', 'echo "hello $Name"; exit 0', {
      scriptParameters: [{ parameterName: 'Name', parameterType: 'string', required: true }],
    });
  });
  afterAll(() => harness.dispose());

  test('a request becomes a run that ends, with its log', async () => {
    const { client } = harness;
    const run = await client.run({ taskName: 'Greet', parameters: [{ name: 'Name', value: 'World' }] });
    const events = [];
    for await (const event of client.events(run.id)) events.push(event);
    expect(events.filter(({ event }) => event === 'log')).toEqual([
      { event: 'log', attempt: 1, text: 'hello World\n' },
    ]);
    expect(events.at(-1)).toMatchObject({ event: 'end', state: 'succeeded', exitCode: 0 });
    expect(await client.wait(run.id)).toMatchObject({ state: 'succeeded', log: { bytes: 12 } });
  });
});
