// Figures of the dashboard, in the browser of this machine: npm run bench:web
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser, Page } from 'playwright-core';

import { buildDashboard } from '../scripts/build-dashboard.ts';
import { findChromium, launchChromium } from '../scripts/chromium.ts';
import { dashboardServer, type DashboardServer } from '../scripts/dashboard-server.ts';
import { insertRuns, sampleRuns } from '../scripts/sample-runs.ts';
import { compare, summarize } from './figures.ts';

const few = 100;
const many = 100_000;
const rows = 50;
const rounds = 20;
const mostTimes = 1.5;
const logLines = 200_000;
const aimMs = 200;
const dayMs = 86_400_000;
/** Until everything is there that is waited for. */
const patienceMs = 120_000;

const log = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Notes when the list has its rows, in milliseconds since the page was asked for, and every task that kept the page from answering. */
const notes = `
  globalThis.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration);
  }).observe({ type: 'longtask', buffered: true });
  new MutationObserver(() => {
    if (globalThis.usableAt === undefined && document.querySelectorAll('tbody tr').length === ${rows})
      globalThis.usableAt = performance.now();
  }).observe(document, { childList: true, subtree: true });
`;

async function windowOf(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(patienceMs);
  await context.addInitScript(notes);
  return context.newPage();
}

/** From the request for the page to the first page of runs. */
async function firstPage(page: Page, { url }: DashboardServer): Promise<number> {
  await page.goto(`${url}/runs`);
  // The security policy of the page lets nobody evaluate a text in it again and again.
  await page.locator(`tbody tr:nth-child(${rows})`).waitFor();
  return page.evaluate<number>('globalThis.usableAt');
}

async function firstPages(browser: Browser, small: DashboardServer, large: DashboardServer): Promise<boolean> {
  const page = await windowOf(browser);
  const floor: number[] = [];
  const ours: number[] = [];
  for (let round = -2; round < rounds; round += 1) {
    const low = await firstPage(page, small);
    const high = await firstPage(page, large);
    // The first rounds warm caches on both sides.
    if (round < 0) continue;
    floor.push(low);
    ours.push(high);
  }
  log(compare(`the first page of Runs with ${many.toLocaleString('en')} runs, against ${few}`, floor, ours));
  return summarize(ours).median <= mostTimes * summarize(floor).median;
}

/** The longest that the page was kept from answering while something was done; 0 where nothing took 50 ms, which is the least that a browser notes. */
async function longestTask(page: Page, work: () => Promise<unknown>): Promise<number> {
  await page.evaluate('globalThis.longest = 0');
  await work();
  // What the last step has begun is still noted.
  await page.waitForTimeout(500);
  return page.evaluate<number>('globalThis.longest');
}

async function longLog(browser: Browser, { url, client }: DashboardServer): Promise<boolean> {
  const script = `#!/bin/sh\nseq 1 ${logLines} | sed 's/.*/step & of many, which prints a line of some eighty characters as logs do/'\n`;
  const document = { taskName: 'Talker', dockerImage: 'busybox', scriptName: 'talker.sh' };
  await client.push('Talker', document, { executable: new Blob([script]) });
  const { id } = await client.run({ taskName: 'Talker' });
  await client.wait(id);
  const page = await windowOf(browser);
  const counted = page.getByText(`${logLines.toLocaleString('en')} lines`);
  const reading = await longestTask(page, async () => {
    await page.goto(`${url}/runs/${id}`);
    await counted.waitFor();
  });
  const view = page.locator('.log-view');
  const scrolling = await longestTask(page, async () => {
    await view.hover();
    for (let turn = 0; turn < 60; turn += 1) await page.mouse.wheel(0, 700);
    for (let tenth = 0; tenth <= 10; tenth += 1) {
      await page.evaluate(
        `document.querySelector('.log-view').scrollTop = document.querySelector('.log-view').scrollHeight * ${tenth / 10}`,
      );
      await page.locator('.log-row').first().waitFor();
    }
  });
  const search = page.getByLabel('Search the log');
  const started = performance.now();
  const searching = await longestTask(page, async () => {
    await search.fill('step 19999');
    await page.getByText('1 of 11', { exact: true }).waitFor();
    await search.fill('of many');
    await page.getByText(`1 of ${logLines.toLocaleString('en')}`, { exact: true }).waitFor();
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const shown = (ms: number): string => (ms === 0 ? 'below 50 ms' : `${Math.round(ms)} ms`);
  log(
    `a log of ${logLines.toLocaleString('en')} lines: longest task while it is read ${shown(reading)}, scrolled ${shown(scrolling)}, searched ${shown(searching)} (two searches in ${seconds} s); aim ${aimMs} ms`,
  );
  return Math.max(reading, scrolling, searching) <= aimMs;
}

async function main(): Promise<void> {
  const executable = findChromium();
  if (executable === undefined) throw new Error('no figures without a browser: apt-get install chromium');
  const web = await mkdtemp(join(tmpdir(), 'errand-web-'));
  await buildDashboard(web);
  const small = await dashboardServer(web);
  const large = await dashboardServer(web);
  const browser = await launchChromium(executable);
  try {
    const now = Date.now() - 60_000;
    insertRuns(small.directory, sampleRuns({ count: few, now, spanMs: dayMs }));
    insertRuns(large.directory, sampleRuns({ count: many, now, spanMs: 28 * dayMs }));
    const isQuick = await firstPages(browser, small, large);
    const isSmooth = await longLog(browser, large);
    if (!isQuick) log(`missed: the first page may take ${mostTimes} times as long`);
    if (!isSmooth) log(`missed: no task may take more than ${aimMs} ms`);
    process.exitCode = isQuick && isSmooth ? 0 : 1;
  } finally {
    await browser.close();
    await small.close();
    await large.close();
    await rm(web, { recursive: true, force: true });
  }
}

await main();
