import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';

import { insertRuns, sampleRuns } from '../../scripts/sample-runs.ts';
import type { Firing } from '../../src/contract/schedule.ts';
import { pushScript, type ServerHarness } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { barriers } from './support/axe.ts';
import { keepSchedule, unreadableCron } from './support/schedules.ts';
import { deployInputs, pushDeploy, pushSleeper, withSecrets } from './support/tasks.ts';

/** What another color scheme changes. */
const colors = ['color-contrast', 'link-in-text-block'] as const;

/** Everything that there is to see can be read by everybody, on a screen of any width. */
inBrowser('nobody is kept out', (on) => {
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
    const wide = 'W'.repeat(63);
    await pushScript(client, wide, 'exit 0', { description: 'i'.repeat(200) });
    await client.wait((await client.run({ taskName: wide })).id);
    await pushSchedules(server, wide);
    const [failed] = (await client.list({ task: 'Broken', limit: 1 })).runs;
    const { page } = await on().look(url);
    for (const [path, ready] of [
      ['/', 'Room for runners'],
      ['/tasks', 'Brings a service to an environment'],
      ['/tasks/Deploy', 'The whole document'],
      [`/tasks/${wide}`, 'takes no parameters'],
      ['/schedules', 'needs attention'],
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
    await page.goto(`${url}/schedules`);
    for (const details of await page.locator('summary').all()) await details.click();
    await isOpenToAll(page, 'what came of schedules before');
    await fits(page, 'what came of schedules before');

    await page.goto(`${url}/runs`);
    await page.setViewportSize({ width: 360, height: 900 });
    expect(await overlaps(page.locator('tbody tr').first()), 'a box to choose a run, and its state').toBe(false);

    await page.goto(`${url}/runs/${sleeper.id}`);
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
          listSchedules: (...given) =>
            isBroken ? Promise.reject(new Error('the disk is gone')) : context.storage.listSchedules(...given),
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
      ['/schedules', 'There are no schedules yet'],
      ['/runs', 'Nothing has been run yet'],
      ['/runs?state=lost', 'No run matches'],
      ['/runs/a/%', 'There is no page at this address'],
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
      ['/schedules', 'Errand made a mistake'],
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

/** Schedules of a task, of every kind that the page tells apart. */
async function pushSchedules(server: ServerHarness, taskName: string): Promise<void> {
  const { client } = server;
  const at = '2026-01-31T02:30:00.000Z';
  const of = (firing: Partial<Firing>): Firing => ({ plannedAt: at, at, outcome: 'skipped', ...firing });
  const [{ id: runId } = { id: '' }] = (await client.list({ task: taskName })).runs;
  const wide = taskName.toLowerCase();
  await client.putSchedule(wide, {
    taskName,
    cron: `${'0,'.repeat(90)}0 2 * * *`,
    timeZone: 'America/Argentina/ComodRivadavia',
    description: wide.repeat(2),
  });
  const kept: readonly Parameters<typeof keepSchedule>[2][] = [
    { name: 'unreadable', cron: unreadableCron },
    { name: 'retrying', retrying: { failures: 3, message: 'storage does not answer' } },
    { name: 'refused', firings: [of({ outcome: 'failed', reason: 'taskDisabled', message: wide.repeat(3) })] },
    {
      name: 'earlier',
      firings: [
        of({ outcome: 'started', runId }),
        of({ reason: 'overlap', runId, plannedAt: '2026-01-30T02:30:00.000Z' }),
        of({
          reason: 'missed',
          message: 'nobody was there',
          plannedAt: '2026-01-29T02:30:00.000Z',
          passedOverFrom: at,
        }),
      ],
    },
  ];
  for (const each of kept) await keepSchedule(server, wide, each);
}

/** In light and in dark colors. */
async function isOpenToAll(page: Page, what: string): Promise<void> {
  expect({ what, barriers: await barriers(page) }).toEqual({ what, barriers: [] });
  await page.emulateMedia({ colorScheme: 'dark' });
  expect({ what, inDark: await barriers(page, colors) }).toEqual({ what, inDark: [] });
  await page.emulateMedia({ colorScheme: 'light' });
}

/** The box to choose a run, and what it is beside. */
async function overlaps(row: Locator): Promise<boolean> {
  const [choose, state] = await Promise.all([row.locator('input').boundingBox(), row.locator('.state').boundingBox()]);
  return choose === null || state === null || choose.x + choose.width > state.x;
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
