import { expect, test } from 'vitest';

import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { pushScript } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { patienceMs } from './support/stage.ts';

/** Who may look, and with what: a key, a keyboard, a narrow screen. */
inBrowser('whoever looks', (on) => {
  test('shows a key where the server wants one, and is asked again once it has expired', async () => {
    const { key, entry } = newApiKey({
      name: 'ann',
      scopes: ['tasks:read', 'tasks:write', 'runs:read', 'runs:create'],
    });
    let isExpired = false;
    const known = apiKeys([entry]);
    const keys = { find: (shown: string, now: number) => (isExpired ? undefined : known.find(shown, now)) };
    const server = await on().serve({ app: { keys }, apiKey: key });
    await pushScript(server.client, 'Quick', 'exit 0');
    const { page, complaints } = await on().look(`${server.url}/tasks`);
    await page.getByText('This server shows what it knows to those with a key').waitFor();
    await page.getByLabel('API key').fill('errand_0123456789abcdef_no');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('it is unknown, or it has expired').waitFor();
    // No header can hold such a key.
    await page.getByLabel('API key').fill('errand_0123…');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('it is unknown, or it has expired').waitFor();
    expect(await page.getByText('The server does not answer').count()).toBe(0);
    await page.getByLabel('API key').fill(key);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Quick' }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain(key);
    expect(page.url()).toBe(`${server.url}/tasks`);

    // What it runs is run in its name, and its log is followed with the key.
    await page.getByRole('link', { name: 'Quick' }).click();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('.state.is-succeeded').waitFor();
    await page.getByText('ann', { exact: true }).waitFor();

    isExpired = true;
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    isExpired = false;
    await page.getByLabel('API key').fill(key);
    await page.keyboard.press('Enter');
    await page.locator('tbody tr', { hasText: 'Quick' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}');

    // The browser itself notes each answer that is a refusal.
    const own = complaints.filter((text) => !text.includes('status of 401'));
    complaints.splice(0, complaints.length, ...own);
  });

  test('with a key for several tasks is asked which', async () => {
    const all = newApiKey({ name: 'all', scopes: ['tasks:read', 'tasks:write', 'runs:read', 'runs:create'] });
    const two = newApiKey({ name: 'two', scopes: ['tasks:read', 'runs:read'], tasks: ['Mine', 'Ours'] });
    const server = await on().serve({ app: { keys: apiKeys([all.entry, two.entry]) }, apiKey: all.key });
    await pushScript(server.client, 'Mine', 'exit 0');
    await pushScript(server.client, 'Ours', 'exit 0');
    await server.client.wait((await server.client.run({ taskName: 'Ours' })).id);
    const { page, complaints } = await on().look(`${server.url}/runs`);
    await page.getByLabel('API key').fill(two.key);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Which task?' }).waitFor();
    await page.getByLabel('Task').selectOption('Ours');
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: patienceMs }).toBe(1);
    expect(await page.getByRole('heading', { name: 'Which task?' }).count()).toBe(0);
    const own = complaints.filter((text) => !/status of (?:401|422)/.test(text));
    complaints.splice(0, complaints.length, ...own);
  });

  test('with a key for one task sees nothing else', async () => {
    const all = newApiKey({ name: 'all', scopes: ['tasks:read', 'tasks:write', 'runs:read', 'runs:create'] });
    const one = newApiKey({ name: 'one', scopes: ['tasks:read', 'runs:read'], tasks: ['Mine'] });
    const server = await on().serve({ app: { keys: apiKeys([all.entry, one.entry]) }, apiKey: all.key });
    await pushScript(server.client, 'Mine', 'exit 0');
    await pushScript(server.client, 'Theirs', 'exit 0');
    const theirs = await server.client.run({ taskName: 'Theirs' });
    const mine = await server.client.run({ taskName: 'Mine' });
    await server.client.wait(theirs.id);
    await server.client.wait(mine.id);
    const { page, complaints } = await on().look(`${server.url}/tasks`);
    await page.getByLabel('API key').fill(one.key);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Mine' }).waitFor();
    expect(await page.getByText('Theirs').count()).toBe(0);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByText('of 1 ended run of the last day').waitFor();
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: patienceMs }).toBe(1);
    const own = complaints.filter((text) => !text.includes('status of 401'));
    complaints.splice(0, complaints.length, ...own);
  });

  test('gets on with the keyboard alone', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Quick', 'exit 0');
    const { page } = await on().look(server.url);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    const focus = () => page.evaluate('document.activeElement.textContent.trim()');
    // The heading had the focus: the way back leads over the navigation to the skip link.
    for (let presses = 0; presses < 12 && (await focus()) !== 'Tasks'; presses += 1)
      await page.keyboard.press('Shift+Tab');
    expect(await focus()).toBe('Tasks');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Quick' }).waitFor();
    expect(await focus()).toBe('Tasks');
    await page.getByRole('link', { name: 'Quick' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Quick', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Run' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/runs\//);
    await page.locator('.state.is-succeeded').waitFor();
    await page.getByRole('status').getByText('is accepted').waitFor({ state: 'attached' });
    expect(await page.title()).toMatch(/^Quick [0-9a-z]{8} · Errand$/);
  });

  test('chooses the colors, which are kept', async () => {
    const server = await on().serve();
    const { page } = await on().look(`${server.url}/tasks`, { colorScheme: 'light' });
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.getByText('There are no tasks yet').waitFor();
    expect(await background()).toBe('rgb(247, 248, 249)');
    await page.getByRole('button', { name: 'Colors: auto. Change to light' }).click();
    await page.getByRole('button', { name: 'Colors: light. Change to dark' }).click();
    expect(await background()).toBe('rgb(20, 23, 26)');
    await page.reload();
    await page.getByText('There are no tasks yet').waitFor();
    expect(await background()).toBe('rgb(20, 23, 26)');
    await page.getByRole('button', { name: 'Colors: dark. Change to auto' }).click();
    expect(await background()).toBe('rgb(247, 248, 249)');
  });
});
