import { expect, test } from 'vitest';

import { insertRuns, sampleRuns } from '../../scripts/sample-runs.ts';
import { pushScript } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { pushSleeper } from './support/tasks.ts';

/** How things stand. */
inBrowser('the overview', (on) => {
  test('tells figures, draws charts, and says what needs attention', async () => {
    const server = await on().serve();
    const { client, url } = server;
    insertRuns(server.directory, sampleRuns({ count: 200, now: Date.now() - 1_000, spanMs: 20 * 3_600_000 }));
    await pushScript(client, 'Broken', 'exit 9');
    for (let index = 0; index < 3; index += 1) await client.wait((await client.run({ taskName: 'Broken' })).id);
    const { page } = await on().look(url);
    const said = await client.overview();
    const { succeeded = 0, canceled = 0, ...others } = said.ended;
    const meant = Object.values(others).reduce((sum, count) => sum + count, succeeded);
    expect(canceled).toBeGreaterThan(0);
    expect(said.successRate).toBeCloseTo(succeeded / meant);
    await page.getByText(`${succeeded} of ${meant} ended runs of the last day, ${canceled} canceled aside`).waitFor();
    const charts = page.getByRole('img');
    expect(await charts.first().getAttribute('aria-label')).toMatch(/^Runs: \d+ succeeded, \d+ did not/);
    expect(await page.locator('.chart rect').count()).toBeGreaterThan(20);
    expect(await page.locator('.figure').allTextContents()).toEqual([
      '0',
      expect.stringMatching(/^\d+(?:\.\d)? %$/),
      expect.stringMatching(/ s$/),
      expect.stringMatching(/ USD$/),
    ]);
    await page.getByText('0 of 64 runners').waitFor();
    await page.getByRole('link', { name: 'Broken has not succeeded 3 times in a row: exit code 9' }).click();
    await page.waitForURL(`${url}/runs?task=Broken`);
  });

  test('says why runs wait, and follows what happens', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Single', 'sleep 600 & wait $!', {
      concurrency: { limit: 1 },
      timeouts: { graceSeconds: 1 },
    });
    await pushSleeper(server);
    const { page } = await on().look(server.url);
    await page.getByText('Nothing was run in the last day').waitFor();
    await server.client.run({ taskName: 'Single' });
    await server.client.run({ taskName: 'Single' });
    await page.getByText('1 queued, 0 starting, 1 running').waitFor();
    await page.getByText('which is its concurrency limit').waitFor();
    await page.getByText('1 of 64 runners').waitFor();
  });
});
