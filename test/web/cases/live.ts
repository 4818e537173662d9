import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';

import { pushScript } from '../../http/support/server-harness.ts';
import { patienceMs, type Stage } from '../support/stage.ts';

/** What happens to the page while servers and people come and go. */
export function liveCases(on: () => Stage): void {
  describe('the page', () => {
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

      // The browser itself notes each request that nobody answered.
      const own = complaints.filter((text) => !/net::ERR_|status of 503/.test(text));
      complaints.splice(0, complaints.length, ...own);
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
}

/** As if its tab were put behind another, or in front again: headless pages are never hidden. */
async function turn(page: Page, state: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { value: ${state === 'hidden'}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}
