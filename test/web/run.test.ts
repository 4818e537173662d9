import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { insertRuns, sampleRuns } from '../../scripts/sample-runs.ts';
import { pushScript } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { patienceMs } from './support/stage.ts';
import { deployInputs, pushDeploy, pushSleeper, withSecrets } from './support/tasks.ts';

/** One run is looked at while it goes on, and after that. */
inBrowser('a run', (on) => {
  test('its log comes line by line, and its result without a reload', async () => {
    const server = await on().serve(withSecrets);
    const gate = join(server.directory, 'gate');
    await pushDeploy(server, gate);
    const { id } = await server.client.run({ taskName: 'Deploy', parameters: deployInputs });
    const { page } = await on().look(`${server.url}/runs/${id}`);
    await page.getByText('deploying shop to test').or(page.getByText('shop to test')).first().waitFor();
    // Colors of the terminal.
    expect(await page.locator('.ansi-fg-2').textContent()).toBe('deploying');
    await page.locator('.state.is-running').waitFor();
    expect(await page.getByText('done with').count()).toBe(0);

    // In the middle of it the page is loaded again: the log begins anew, and goes on.
    await page.reload();
    await page.locator('.ansi-fg-2').waitFor();
    await writeFile(gate, '');
    await page.getByText('done with 2 replicas').waitFor();
    await page.locator('.state.is-succeeded').waitFor();
    expect(await page.locator('.log-row').count()).toBe(2);

    await page.getByLabel('Output').getByText('"replicas": 2').waitFor();
    await page.getByText('It took').waitFor();
    for (const phase of ['create', 'run']) expect(await page.locator(`.timeline rect.phase-${phase}`).count()).toBe(1);
    expect(await page.getByText('secret, not kept').count()).toBe(1);
    expect(await page.getByText('secret, from env:ERRAND_SECRET_HOOK').count()).toBe(1);

    for (const [name, content] of [
      ['report.txt', 'kept\n'],
      ['Download', 'done with 2 replicas'],
    ] as const) {
      const coming = page.waitForEvent('download');
      await page.getByRole('button', { name }).click();
      expect(await readFile(await (await coming).path(), 'utf8')).toContain(content);
    }
  });

  test('is canceled once that was asked twice', async () => {
    const server = await on().serve();
    await pushSleeper(server);
    const { id } = await server.client.run({ taskName: 'Sleeper' });
    const { page } = await on().look(`${server.url}/runs/${id}`);
    await page.getByText('sleeping').waitFor();
    const button = page.getByRole('button', { name: 'Cancel…' });
    await button.click();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // Nothing has happened, and the focus is where it was.
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel…');
    expect((await server.client.get(id)).cancel).toBeUndefined();
    await button.click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('.state.is-canceled').waitFor();
    expect(await page.getByRole('button', { name: 'Cancel…' }).count()).toBe(0);
    // The button is gone, and the focus is not lost with it.
    expect(await page.evaluate('document.activeElement.tagName')).toBe('H1');
    await page.getByRole('link', { name: 'Sleeper' }).click();
    await page.waitForURL(/\/tasks\/Sleeper$/);
  });

  test('is run again, with the task of now or of then, whose versions are shown', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Changing', 'echo of then');
    const { id } = await server.client.run({ taskName: 'Changing' });
    await server.client.wait(id);
    await pushScript(server.client, 'Changing', 'echo of now');
    const { page } = await on().look(`${server.url}/runs/${id}`);
    for (const [which, line] of [
      ['As it was in this run', 'of then'],
      ['As it is now', 'of now'],
    ] as const) {
      await page.goto(`${server.url}/runs/${id}`);
      await page.getByRole('button', { name: 'Run again…' }).click();
      await page.getByLabel(which).check();
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.waitForURL((address) => address.pathname.startsWith('/runs/') && !address.pathname.endsWith(id));
      await page.locator('.log-row', { hasText: line }).waitFor();
      await page.locator('.state.is-succeeded').waitFor();
    }
    const versions = await server.client.versions('Changing');
    await page.goto(`${server.url}/tasks/Changing`);
    await page.getByText(versions[1]?.version ?? 'a second version', { exact: true }).click();
    await page.getByLabel(`Definition of version ${versions[1]?.version}`).getByText('Changing.sh').waitFor();
  });

  test('that is lost is resolved by hand', async () => {
    const server = await on().serve();
    const [run] = sampleRuns({ count: 1, now: Date.now(), spanMs: 60_000 });
    if (run === undefined) throw new Error('there is no sample');
    insertRuns(server.directory, [{ ...run, state: 'lost', reason: 'vanished', message: 'its container is gone' }]);
    const { page } = await on().look(`${server.url}/runs/${run.id}`);
    await page.getByText('It was lost: its container is gone').waitFor();
    await page.getByRole('button', { name: 'Resolve…' }).click();
    const write = page.getByRole('button', { name: 'Write it down' });
    expect(await write.isDisabled()).toBe(true);
    await page.getByLabel('It failed').check();
    await page.getByLabel('How you know').fill('the disk is as it was');
    await write.click();
    await page.getByText('local has found out that it failed: the disk is as it was').waitFor();
    expect((await server.client.get(run.id)).resolution).toMatchObject({ outcome: 'failed' });
  });

  test('of a long log only what can be seen is drawn; it is searched, and a line has an address', async () => {
    const server = await on().serve();
    const script = 'i=0\nwhile [ $i -lt 20000 ]; do i=$((i+1)); echo "line $i of many"; done';
    await pushScript(server.client, 'Talker', script);
    const { id } = await server.client.run({ taskName: 'Talker' });
    await server.client.wait(id);
    const { page } = await on().look(`${server.url}/runs/${id}#L15000`);
    await page.getByText('line 15000 of many').waitFor();
    expect(await page.locator('.log-row.is-current').innerText()).toContain('15000');
    await page.getByText('20,000 lines').waitFor();
    expect(await page.locator('.log-row').count()).toBeLessThan(150);

    await page.getByLabel('Search the log').fill('line 77 ');
    await page.getByText('1 of 1', { exact: true }).waitFor();
    await page.locator('mark', { hasText: 'line 77' }).waitFor();
    await page.getByLabel('Search the log').fill('LINE 199');
    await page.getByText('1 of 111', { exact: true }).waitFor();
    await page.getByLabel('Search the log').press('Enter');
    await page.getByText('2 of 111', { exact: true }).waitFor();
    await page.getByLabel('Search the log').fill('nowhere');
    await page.getByText('Not found').waitFor();

    await page.getByLabel('Search the log').fill('line 4321 ');
    await page.getByRole('link', { name: 'Link to line 4321', exact: true }).click();
    expect(page.url()).toBe(`${server.url}/runs/${id}?attempt=1#L4321`);
  });

  test('with several attempts shows the log of each, and where their time went', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Flaky', 'echo "try $ERRAND_ATTEMPT"\nexit 75', {
      retry: { maxAttempts: 2, on: ['exitCode'], backoff: { initialSeconds: 0, maxSeconds: 0 } },
    });
    const { id } = await server.client.run({ taskName: 'Flaky' });
    await server.client.wait(id);
    const { page } = await on().look(`${server.url}/runs/${id}`);
    await page.getByText('It failed: ').waitFor();
    await page.locator('.log-row', { hasText: 'try' }).waitFor();
    await page.getByRole('button', { name: 'Attempt 1' }).click();
    await expect.poll(() => page.locator('.log-row').count(), { timeout: patienceMs }).toBe(1);
    expect(await page.locator('.phases li').count()).toBe(2);
  });
});
