import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';

import { insertRuns, sampleRuns } from '../../../scripts/sample-runs.ts';
import { pushScript } from '../../http/support/server-harness.ts';
import { barriers } from '../support/axe.ts';
import type { Stage } from '../support/stage.ts';
import { deployInputs, pushDeploy, pushSleeper, withSecrets } from '../support/tasks.ts';

/** What another color scheme changes. */
const colors = ['color-contrast', 'link-in-text-block'] as const;

/** Everything that there is to see can be read by everybody, on a screen of any width. */
export function barrierCases(on: () => Stage): void {
  describe('nobody is kept out', () => {
    test('of pages with something on them', async () => {
      const server = await on().serve(withSecrets);
      const { client, url } = server;
      insertRuns(server.directory, sampleRuns({ count: 60, now: Date.now() - 1_000, spanMs: 20 * 3_600_000 }));
      await pushDeploy(server);
      await pushSleeper(server);
      await pushScript(client, 'Broken', 'printf "\\033[31mred\\033[0m \\033[1;33myellow\\033[0m\\n"; exit 9');
      for (let index = 0; index < 3; index += 1) await client.wait((await client.run({ taskName: 'Broken' })).id);
      const { id } = await client.run({ taskName: 'Deploy', parameters: deployInputs, labels: { team: 'web' } });
      await client.wait(id);
      const sleeper = await client.run({ taskName: 'Sleeper' });
      const [failed] = (await client.list({ task: 'Broken', limit: 1 })).runs;
      const { page } = await on().look(url);
      for (const [path, ready] of [
        ['/', 'Room for runners'],
        ['/tasks', 'Brings a service to an environment'],
        ['/tasks/Deploy', 'The whole document'],
        ['/runs', 'Older'],
        [`/runs/${id}`, 'done with 2 replicas'],
        [`/runs/${failed?.id}`, 'yellow'],
        [`/runs/${sleeper.id}`, 'sleeping'],
      ] as const) {
        await page.goto(`${url}${path}`);
        await page.getByText(ready).first().waitFor();
        await isOpenToAll(page, path);
        await fits(page, path);
      }

      await page.getByRole('button', { name: 'Cancel…' }).click();
      await isOpenToAll(page, 'a dialog');
      await page.goto(`${url}/tasks/Deploy`);
      await page.getByRole('button', { name: 'Run' }).click();
      await page.getByText('Service is missing').waitFor();
      await isOpenToAll(page, 'a form with problems');
    });

    test('of pages with nothing on them, or an error', async () => {
      let isBroken = false;
      const server = await on().serve({
        decorate: (context) => ({
          ...context,
          storage: {
            ...context.storage,
            listRuns: (...given) =>
              isBroken ? Promise.reject(new Error('the disk is gone')) : context.storage.listRuns(...given),
          },
          artifacts: {
            ...context.artifacts,
            list: (...given) => {
              if (isBroken) throw new Error('the disk is gone');
              return context.artifacts.list(...given);
            },
          },
        }),
      });
      const { page, complaints } = await on().look(server.url);
      for (const [path, ready] of [
        ['/', 'Nothing was run in the last day'],
        ['/tasks', 'There are no tasks yet'],
        ['/runs', 'Nothing has been run yet'],
        ['/runs?state=lost', 'No run matches'],
      ] as const) {
        await page.goto(`${server.url}${path}`);
        await page.getByText(ready).waitFor();
        await isOpenToAll(page, path);
        await fits(page, path);
      }
      isBroken = true;
      for (const [path, ready] of [
        ['/', 'Errand made a mistake'],
        ['/tasks', 'Errand made a mistake'],
        ['/runs', 'Errand made a mistake'],
        ['/tasks/Nobody', 'There is no such task'],
        ['/runs/01m4rk0000000000000000000a', 'There is no such run'],
      ] as const) {
        await page.goto(`${server.url}${path}`);
        await page.getByRole('alert').getByText(ready).waitFor();
        await isOpenToAll(page, path);
        await fits(page, path);
      }
      // The browser itself notes each answer that is a refusal.
      const own = complaints.filter((text) => !/status of (?:404|500)/.test(text));
      complaints.splice(0, complaints.length, ...own);
    });
  });
}

/** In light and in dark colors. */
async function isOpenToAll(page: Page, what: string): Promise<void> {
  expect({ what, barriers: await barriers(page) }).toEqual({ what, barriers: [] });
  await page.emulateMedia({ colorScheme: 'dark' });
  expect({ what, inDark: await barriers(page, colors) }).toEqual({ what, inDark: [] });
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Nothing sticks out of the narrowest and of a wide screen. */
async function fits(page: Page, path: string): Promise<void> {
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    expect(
      await page.evaluate('document.documentElement.scrollWidth'),
      `${path} on ${width} pixels`,
    ).toBeLessThanOrEqual(width);
  }
}
