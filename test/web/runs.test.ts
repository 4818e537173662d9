import { expect, test } from 'vitest';

import { insertRuns, sampleRuns } from '../../scripts/sample-runs.ts';
import { pushScript } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { patienceMs } from './support/stage.ts';
import { pushSleeper } from './support/tasks.ts';

/** The list of all runs. */
inBrowser('the list of runs', (on) => {
  test('is filtered by its address, which outlives a reload; pages follow one another', async () => {
    const server = await on().serve();
    const runs = [...sampleRuns({ count: 180, now: Date.now() - 1_000, spanMs: 3 * 3_600_000 })];
    insertRuns(server.directory, runs);
    const { page } = await on().look(`${server.url}/runs`);
    const rows = page.locator('tbody tr');
    await expect.poll(() => rows.count(), { timeout: patienceMs }).toBe(50);
    const newest = runs.at(-1)?.id.slice(-8) ?? '';
    await page.getByRole('link', { name: newest }).waitFor();

    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'Newest' }).waitFor();
    const secondPage = runs.at(-51)?.id.slice(-8) ?? '';
    await page.getByRole('link', { name: secondPage }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: newest }).waitFor();

    await page.getByLabel('failed', { exact: true }).check();
    await page.waitForURL(/state=failed/);
    const failed = runs.filter(({ state }) => state === 'failed').length;
    await expect.poll(() => rows.count(), { timeout: patienceMs }).toBe(failed);
    await page.getByLabel('Label').fill('team=finance');
    await page.getByLabel('Label').press('Enter');
    const both = runs.filter(({ state, labels }) => state === 'failed' && labels['team'] === 'finance').length;
    await expect.poll(() => rows.count(), { timeout: patienceMs }).toBe(both);
    expect(new URL(page.url()).search).toBe('?state=failed&label=team%3Dfinance');
    await page.reload();
    await expect.poll(() => rows.count(), { timeout: patienceMs }).toBe(both);
    expect(await page.getByLabel('failed', { exact: true }).isChecked()).toBe(true);

    await page.getByRole('button', { name: 'Take away the label team=finance' }).click();
    await page.getByLabel('failed', { exact: true }).uncheck();
    await page.getByLabel('Accepted within').selectOption('1h');
    await page.waitForURL(/within=1h/);
    await page.goto(`${server.url}/runs?label=team=nobody`);
    await page.getByText('No run matches').waitFor();
    await page.getByRole('link', { name: 'Show all runs' }).click();
    await expect.poll(() => rows.count(), { timeout: patienceMs }).toBe(50);
  });

  test('is found again where it was left, after a look at a run', async () => {
    const server = await on().serve();
    const runs = [...sampleRuns({ count: 80, now: Date.now() - 1_000, spanMs: 3 * 3_600_000 })];
    insertRuns(server.directory, runs);
    const { page } = await on().look(`${server.url}/runs`);
    const far = page.getByRole('link', { name: runs.at(-45)?.id.slice(-8) ?? '' });
    await far.click();
    await page.waitForURL(/\/runs\/[0-9a-z]{26}$/);
    await expect.poll(() => page.evaluate('scrollY'), { timeout: patienceMs }).toBe(0);
    await page.goBack();
    await expect.poll(() => page.evaluate('scrollY'), { timeout: patienceMs }).toBeGreaterThan(300);
    // Another page of the list begins at its top, and says so to whoever hears it.
    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'Newest' }).waitFor();
    await expect.poll(() => page.evaluate('scrollY'), { timeout: patienceMs }).toBe(0);
    expect(await page.evaluate('document.activeElement.tagName')).toBe('H1');
  });

  test('leaves the focus in the filter that was changed', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Quick', 'exit 0');
    const { page } = await on().look(`${server.url}/runs`);
    const focused = () => page.evaluate('document.activeElement.closest("label")?.innerText.split("\\n")[0]');
    await page.getByLabel('Task').focus();
    await page.getByLabel('Task').selectOption('Quick');
    await page.getByText('No run matches').waitFor();
    expect(await focused()).toBe('Task');
    await page.getByLabel('Label').fill('team=web');
    await page.getByLabel('Label').press('Enter');
    await page.getByRole('button', { name: 'Take away the label team=web' }).waitFor();
    expect(await focused()).toBe('Label');
    expect(await page.getByLabel('Label', { exact: true }).inputValue()).toBe('');
    await page.getByRole('button', { name: 'Take away the label team=web' }).press('Enter');
    await page.waitForURL((address) => !address.search.includes('label'));
    expect(await focused()).toBe('Label');
  });

  test('shows a run that begins elsewhere, and its end', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Quick', 'exit 3');
    const { page } = await on().look(`${server.url}/runs`);
    await page.getByText('Nothing has been run yet').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const { id } = await server.client.run({ taskName: 'Quick' });
    const row = page.locator('tbody tr', { hasText: id.slice(-8) });
    await row.getByText('exit code 3').waitFor();
    await row.locator('.state.is-failed').waitFor();
  });

  test('cancels and reruns many, after it has said how many', async () => {
    const server = await on().serve();
    const { client, url } = server;
    await pushSleeper(server);
    await pushScript(client, 'Quick', 'exit 0');
    for (let index = 0; index < 3; index += 1) await client.run({ taskName: 'Sleeper' });
    for (let index = 0; index < 2; index += 1) await client.wait((await client.run({ taskName: 'Quick' })).id);
    const { page } = await on().look(`${url}/runs`);
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: patienceMs }).toBe(5);
    // What has not ended is not run again.
    await page.getByLabel('running', { exact: true }).check();
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: patienceMs }).toBe(3);
    await page.getByRole('button', { name: 'Rerun…' }).click();
    await page.getByRole('heading', { name: 'Rerun 0 runs?' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByLabel('running', { exact: true }).uncheck();
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: patienceMs }).toBe(5);

    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page.getByRole('heading', { name: 'Cancel 3 runs?' }).waitFor();
    await page.getByRole('button', { name: 'Cancel them' }).click();
    await page.getByText('Canceled: 3 runs').waitFor();
    await expect
      .poll(async () => (await client.list({ states: ['canceled'] })).runs.length, { timeout: patienceMs })
      .toBe(3);

    const quick = page.locator('tbody tr', { hasText: 'Quick' });
    await quick.first().getByRole('checkbox').check();
    await quick.last().getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Rerun…' }).click();
    await page.getByRole('heading', { name: 'Rerun 2 runs?' }).waitFor();
    await page.getByRole('button', { name: 'Rerun them' }).click();
    await page.getByText('Started again: 2 runs').waitFor();
    await expect.poll(() => quick.count(), { timeout: patienceMs }).toBe(4);
  });

  test('reruns none that needs a secret', async () => {
    const server = await on().serve();
    const { client } = server;
    await pushScript(client, 'Secretive', 'exit 0', {
      scriptParameters: [{ parameterName: 'Token', parameterType: 'secret', required: true }],
    });
    const { id } = await client.run({ taskName: 'Secretive', parameters: [{ name: 'Token', value: 'hunter2' }] });
    await client.wait(id);
    const { page } = await on().look(`${server.url}/runs`);
    await page.getByRole('button', { name: 'Rerun…' }).click();
    await page.getByText('1 run needs secrets, which are not kept').waitFor();
    expect(await page.getByRole('button', { name: /Rerun (?:it|them)/ }).isDisabled()).toBe(true);
  });
});
