import { expect, test } from 'vitest';

import { scopes } from '../../src/contract/routes.ts';
import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { pushScript } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { patienceMs } from './support/stage.ts';
import { everySecond, keepSchedule, unreadableCron } from './support/schedules.ts';
import { pushSleeper } from './support/tasks.ts';
import { turn } from './support/turn.ts';

/** What runs when, and what came of it. */
inBrowser('the schedules', (on) => {
  test('are shown with their times, and with the runs that came of them', async () => {
    const server = await on().serve();
    const { client, url } = server;
    await pushScript(client, 'Quick', 'exit 3');
    await client.putSchedule('nightly', {
      taskName: 'Quick',
      cron: '30 2 * * MON-FRI',
      timeZone: 'Europe/Berlin',
      description: 'For those who come in early',
    });
    const { page } = await on().look(`${url}/tasks`);
    await page.getByRole('link', { name: 'Schedules' }).click();
    const nightly = page.getByRole('listitem').filter({ hasText: 'nightly' });
    await nightly.getByText('For those who come in early').waitFor();
    await nightly.getByText('It has not come yet').waitFor();
    expect(await nightly.innerText()).toContain('Quick at 30 2 * * MON-FRI, Europe/Berlin');
    const { nextAt } = await client.schedule('nightly');
    const next = nightly.locator('time');
    expect(await next.getAttribute('datetime')).toBe(nextAt);
    expect(await next.getAttribute('title')).toMatch(/\d:30:00/);

    // Put beside it, while somebody looks: the run of a task that is shown is what the page is told of.
    await client.putSchedule('ticking', { taskName: 'Quick', cron: everySecond, overlap: 'allow' });
    const ticking = page.getByRole('listitem').filter({ hasText: 'ticking' });
    await ticking.getByText(/times? before/).click();
    await client.pauseSchedule('ticking');
    const { firings } = await client.schedule('ticking');
    await ticking.locator(`a[href="/runs/${firings[0]?.runId}"]`).getByText('failed').waitFor();
    await ticking.locator(`details a[href="/runs/${firings[1]?.runId}"]`).waitFor();
    await ticking.getByRole('link', { name: 'All runs of ticking' }).click();
    await page.waitForURL(`${url}/runs?label=schedule%3Dticking`);
    const { runs } = await client.list({ labels: { schedule: 'ticking' } });
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: patienceMs }).toBe(runs.length);
  });

  test('are paused and resumed, with the keyboard alone, which stays where it was', async () => {
    const server = await on().serve();
    const { client, url } = server;
    await pushScript(client, 'Quick', 'exit 0');
    for (const name of ['first', 'second']) await client.putSchedule(name, { taskName: 'Quick', cron: '@yearly' });
    const { page } = await on().look(`${url}/schedules`);
    await page.getByRole('button', { name: 'Pause first' }).waitFor();
    const focus = () => page.evaluate('document.activeElement.ariaLabel');
    for (let presses = 0; presses < 12 && (await focus()) !== 'Pause second'; presses += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('second is paused').waitFor();
    await page.getByRole('button', { name: 'Resume second' }).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'second' }).getByText('Nothing is planned').waitFor();
    expect(await focus()).toBe('Resume second');
    const paused = async () => (await client.schedules()).schedules.map((schedule) => schedule.paused);
    expect(await paused()).toEqual([false, true]);
    await page.keyboard.press('Space');
    await page.getByRole('status').getByText('second goes on').waitFor();
    await page.getByRole('button', { name: 'Pause second' }).waitFor();
    expect(await focus()).toBe('Pause second');
    expect(await paused()).toEqual([false, false]);
  });

  test('say which of them need attention, and why: refused, or times that nobody can read', async () => {
    const server = await on().serve();
    const { client, url } = server;
    await pushScript(client, 'Off', 'exit 0');
    await client.putSchedule('calm', { taskName: 'Off', cron: '@yearly' });
    await client.putSchedule('refused', { taskName: 'Off', cron: everySecond });
    await keepSchedule(server, 'calm', { name: 'unreadable', cron: unreadableCron });
    await pushScript(client, 'Off', 'exit 0', { enabled: false });
    const { page } = await on().look(`${url}/schedules`);
    const item = (name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });
    // No run tells the page of it: it asks for what was due.
    await item('refused').getByText('Off is switched off by its author').first().waitFor();
    await item('unreadable').getByText('These times cannot be read').waitFor();
    await expect
      .poll(() => page.locator('.note').innerText(), { timeout: patienceMs })
      .toBe('Need attention: refused, unreadable');
    expect(await item('calm').getByText('needs attention').count()).toBe(0);
    await page.getByRole('button', { name: 'refused', exact: true }).click();
    expect(await page.evaluate('document.activeElement.textContent')).toBe('refused');
    // Nothing that is paused will be refused.
    await page.getByRole('button', { name: 'Pause refused' }).click();
    await page.getByText('Needs attention: unreadable').waitFor();
  });

  test('that are due are asked for, but not while nobody looks', async () => {
    const server = await on().serve();
    await pushScript(server.client, 'Off', 'exit 0');
    await server.client.putSchedule('refused', { taskName: 'Off', cron: everySecond });
    await pushScript(server.client, 'Off', 'exit 0', { enabled: false });
    const { page } = await on().look(`${server.url}/schedules`);
    await page.getByText('Live', { exact: true }).waitFor();
    const asks = () => page.waitForRequest(`${server.url}/api/schedules?limit=200`);
    // One may be due to the stream, which has just opened.
    for (let times = 0; times < 2; times += 1) await asks();
    await turn(page, 'hidden');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    // Longer than from one look at the clock to the next.
    await page.waitForTimeout(6_000);
    expect(asked).toEqual([]);
    await Promise.all([asks(), turn(page, 'visible')]);
  });

  test('say what was skipped, and which run was in its way', async () => {
    const server = await on().serve();
    await pushSleeper(server);
    await server.client.putSchedule('busy', { taskName: 'Sleeper', cron: everySecond });
    const { page } = await on().look(`${server.url}/schedules`);
    await page.getByText('skipped').first().waitFor();
    await server.client.pauseSchedule('busy');
    const [{ id } = { id: '' }] = (await server.client.list({ task: 'Sleeper' })).runs;
    await page.getByRole('link', { name: 'an earlier run' }).first().click();
    await page.waitForURL(`${server.url}/runs/${id}`);
    await server.client.cancel(id);
  });

  test('where there are none, are made by a command that can be copied', async () => {
    const server = await on().serve();
    const { page } = await on().look(`${server.url}/schedules`, { timezoneId: 'Asia/Tokyo' });
    await page.getByRole('heading', { name: 'There are no schedules yet' }).waitFor();
    expect(await page.locator('pre').innerText()).toBe(
      'errand schedule add nightly Report --cron "30 2 * * *" --time-zone Asia/Tokyo',
    );
  });

  test('are kept from a key that may not read them, and as they are from one that may not change them', async () => {
    const all = newApiKey({ name: 'all', scopes: [...scopes] });
    const blind = newApiKey({ name: 'blind', scopes: ['runs:read'] });
    const idle = newApiKey({ name: 'idle', scopes: ['schedules:read'] });
    const keys = apiKeys([all.entry, blind.entry, idle.entry]);
    const server = await on().serve({ app: { keys }, apiKey: all.key });
    await pushScript(server.client, 'Quick', 'exit 0');
    await server.client.putSchedule('yearly', { taskName: 'Quick', cron: '@yearly' });
    for (const { key, act, said } of [
      { key: blind.key, said: 'this needs a key with the scope schedules:read' },
      { key: idle.key, act: 'Pause yearly', said: 'this needs a key with the scope schedules:write' },
    ]) {
      const { page, complaints } = await on().look(`${server.url}/schedules`);
      await page.getByLabel('API key').fill(key);
      await page.keyboard.press('Enter');
      if (act !== undefined) await page.getByRole('button', { name: act }).click();
      await page.getByRole('alert').getByText(said).waitFor();
      // The browser itself notes each answer that is a refusal, and a little later. One reads twice, before and after the stream has opened; the other may not have the stream, either.
      await expect
        .poll(() => complaints.filter((text) => text.includes('status of 403')).length, { timeout: patienceMs })
        .toBe(2);
      const own = complaints.filter((text) => !/status of 40[13]/.test(text));
      complaints.splice(0, complaints.length, ...own);
    }
    expect((await server.client.schedule('yearly')).paused).toBe(false);
  });
});
