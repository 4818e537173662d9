import { inspect } from 'node:util';

import { expect, onTestFinished, test } from 'vitest';

import type { Logger } from '../../src/core/logger.ts';
import { azureHarness, type AzureHarness, resourceGroup } from './support/azure-harness.ts';
import { plainClient } from './support/occupy-group.ts';

const canary = 'https://store.example/log?sig=canary';

/** Everything that anybody can read of a run, without being in its container. */
async function visible(access: {
  plain: Record<string, string>;
  secure: Record<string, string>;
}): Promise<{ text: string; inside: string }> {
  const said: unknown[] = [];
  const note = (details: object, message: string): void => void said.push([details, message]);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const inside: string[] = [];
  const made: AzureHarness = await azureHarness({
    driver: { logger },
    instant: {
      behavior: ({ environment }) => {
        inside.push(JSON.stringify(environment));
        return { exitCode: 1, log: 'nothing to see' };
      },
    },
  });
  onTestFinished(() => made.dispose());
  const { driver, emulator } = made;
  const heed = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      (value) => said.push(value),
      (error: unknown) => {
        said.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error));
      },
    );

  const spec = await made.prepare('', { access: { kind: 'signedUrls', ...access } });
  await heed(driver.create(spec, { progress: (phase) => said.push(phase) }));
  while (inside.length === 0) await heed(driver.observe(spec.name));
  await heed(driver.observe(spec.name));
  for await (const listed of driver.list({ instanceId: made.instanceId })) said.push(listed);
  for (const switches of [{ lateServerError: 1 }, { lostCreateAnswer: 1, lateServerError: 0 }, { regionFull: 1 }]) {
    emulator.switches.set(switches);
    await heed(driver.create({ ...spec, name: `${spec.name}-${said.length}` }));
  }
  emulator.switches.set({ lostCreateAnswer: 0, regionFull: 0 });
  const client = plainClient(made);
  said.push(await client.containerGroups.get(resourceGroup, spec.name));
  for await (const group of client.containerGroups.listByResourceGroup(resourceGroup)) said.push(group);
  return { text: JSON.stringify(said), inside: inside.join() };
}

test('a secret is seen by the container, and by nobody else: not by a reader of the group, not in logs and errors', async () => {
  const { text, inside } = await visible({ plain: { VMName: 'vm1' }, secure: { ERRAND_LOG_URL: canary } });
  expect(inside).toContain('sig=canary');
  expect(text).toContain('vm1');
  expect(text).not.toContain('sig=');
  expect(text).not.toContain('canary');
});

test('the search for it finds a leak', async () => {
  const { text } = await visible({ plain: { ERRAND_LOG_URL: canary }, secure: {} });
  expect(text).toContain('sig=canary');
});
