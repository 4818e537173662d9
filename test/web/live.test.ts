import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { pushScript } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { patienceMs } from './support/stage.ts';
import { turn } from './support/turn.ts';

/** What happens to the page while servers and people come and go. */
inBrowser('the page', (on) => {
  test('outlives a restart of the server, and the log goes on where it stopped', async () => {
    const server = await on().serve();
    const gate = join(server.directory, 'gate');
    const wait = `until [ -e '${gate}' ]; do sleep 0.05; done`;
    await pushScript(server.client, 'Patient', `echo before\n${wait}\necho after`);
    const { id } = await server.client.run({ taskName: 'Patient' });
    const { page, complaints } = await on().look(`${server.url}/runs/${id}`);
    await page.locator('.log-row', { hasText: 'before' }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();

    await server.stop();
    await page.getByRole('alert').getByText('The server does not answer').waitFor();
    await on().serve({ directory: server.directory, server: { port: Number(new URL(server.url).port) } });
    await page.getByText('Live', { exact: true }).waitFor();
    await expect.poll(() => page.getByRole('alert').count(), { timeout: patienceMs }).toBe(0);
    await writeFile(gate, '');
    await page.locator('.log-row', { hasText: 'after' }).waitFor();
    await page.locator('.state.is-succeeded').waitFor();
    expect(await page.locator('.log-row').count()).toBe(2);

    forgetOutage(complaints);
  });

  test('looks again once the server answers: at the task that it could not read, and at what stands in the form', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Quick', 'exit 0', {
      scriptParameters: [{ parameterName: 'Name', parameterType: 'string', maxLength: 5 }],
    });
    const { page: form, complaints } = await on().look(`${server.url}/tasks/Quick`);
    const { page: list, complaints: others } = await on().look(`${server.url}/tasks`);
    const plan = form.getByRole('region', { name: 'Plan' });
    await plan.getByText('Quick.sh').waitFor();
    await list.getByRole('link', { name: 'Quick' }).waitFor();

    await server.stop();
    await form.getByLabel('Name').fill('short');
    await plan.getByText('The server does not answer').waitFor();
    await list.getByRole('link', { name: 'Quick' }).click();
    await list.getByRole('heading', { name: 'The server does not answer' }).waitFor();

    await on().serve({ directory: server.directory, server: { port: Number(new URL(server.url).port) } });
    await plan.getByText('short').waitFor();
    await list.getByRole('region', { name: 'Plan' }).getByText('Quick.sh').waitFor();
    await form.getByRole('button', { name: 'Run' }).click();
    await form.waitForURL(/\/runs\//);
    forgetOutage(complaints);
    forgetOutage(others);
  });

  test('asks for nothing while nobody looks at it, and is up to date once somebody does', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Quick', 'exit 0');
    const { page } = await on().look(`${server.url}/runs`);
    await page.getByText('Live', { exact: true }).waitFor();
    const asked: string[] = [];
    const ended = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/changes'));
    await turn(page, 'hidden');
    await ended;
    page.on('request', (request) => asked.push(request.url()));
    const { id } = await server.client.run({ taskName: 'Quick' });
    await server.client.wait(id);
    expect(asked).toEqual([]);
    expect(await page.getByText('Nothing has been run yet').count()).toBe(1);
    await turn(page, 'visible');
    await page.locator('tbody tr', { hasText: id.slice(-8) }).waitFor();
    expect(asked).toContain(`${server.url}/api/changes`);
  });

  test('goes on with a log where it stopped when nobody looked any more', async () => {
    const server = await on().serve();
    const gate = join(server.directory, 'gate');
    const wait = `until [ -e '${gate}' ]; do sleep 0.05; done`;
    await pushScript(server.client, 'Patient', `echo before\n${wait}\necho after`);
    const { id } = await server.client.run({ taskName: 'Patient' });
    const { page } = await on().look(`${server.url}/runs/${id}`);
    await page.locator('.log-row', { hasText: 'before' }).waitFor();
    await turn(page, 'hidden');
    await writeFile(gate, '');
    await server.client.wait(id);
    expect(await page.locator('.log-row').count()).toBe(1);
    await turn(page, 'visible');
    await page.locator('.log-row', { hasText: 'after' }).waitFor();
    expect(await page.locator('.log-row').allInnerTexts()).toEqual(['1before', '2after']);
  });
});

/** The browser itself notes each request that nobody answered. */
function forgetOutage(complaints: string[]): void {
  const own = complaints.filter((text) => !/net::ERR_|status of 503/.test(text));
  complaints.splice(0, complaints.length, ...own);
}
