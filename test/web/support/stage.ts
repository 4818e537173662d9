import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { buildDashboard } from '../../../scripts/build-dashboard.ts';
import { findChromium, launchChromium } from '../../../scripts/chromium.ts';
import { dashboard } from '../../../src/http/dashboard.ts';
import { serverHarness, type HarnessOptions, type ServerHarness } from '../../http/support/server-harness.ts';

/** Anything that is waited for may take this long on a machine that has other things to do. */
export const patienceMs = 40_000;

const executablePath = findChromium();

/** Why nothing can be looked at here; undefined where it can. In CI that is no excuse. */
export const noBrowser =
  executablePath === undefined && process.env['CI'] !== 'true'
    ? 'there is no chromium on this machine: apt-get install chromium'
    : undefined;

/** A page, and what went wrong on it without being seen. */
export interface LookedAt {
  page: Page;
  /** What the console, and scripts that failed, have said. */
  complaints: string[];
  /** Requests to anything but the server. */
  foreign: string[];
}

export interface Stage {
  /** A server with the dashboard, on data of its own unless told otherwise. */
  serve(options?: HarnessOptions): Promise<ServerHarness>;
  /** A window of its own, with nothing kept from others. */
  look(url: string, options?: BrowserContextOptions): Promise<LookedAt>;
  /** Closes the windows and servers of a test. Throws where the console has complained, or something else than the server was asked. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** One build and one browser for all tests of a file. */
export async function stage(): Promise<Stage> {
  if (executablePath === undefined) throw new Error('there is no chromium on this machine: apt-get install chromium');
  const directory = await mkdtemp(join(tmpdir(), 'errand-dashboard-'));
  const [browser] = await Promise.all([launchChromium(executablePath), buildDashboard(directory)]);
  const servers = new Set<ServerHarness>();
  const looks: LookedAt[] = [];

  return {
    serve: async (options = {}) => {
      const server = await serverHarness({ ...options, app: { dashboard: dashboard(directory), ...options.app } });
      servers.add(server);
      return server;
    },
    look: async (url, options = {}) => {
      const looked = await open(browser, url, options);
      looks.push(looked);
      return looked;
    },
    clear: async () => {
      const wrong = looks.flatMap(({ complaints, foreign }) => [...complaints, ...foreign]);
      await Promise.all(looks.map(({ page }) => page.context().close()));
      looks.length = 0;
      for (const server of servers) await server.dispose();
      servers.clear();
      if (wrong.length > 0) throw new Error(`the dashboard complains, or asks other hosts: ${wrong.join('; ')}`);
    },
    close: async () => {
      await browser.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function open(browser: Browser, url: string, options: BrowserContextOptions): Promise<LookedAt> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  const looked: LookedAt = { page, complaints: [], foreign: [] };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') looked.complaints.push(message.text());
  });
  page.on('pageerror', (error) => looked.complaints.push(error.message));
  page.on('request', (request) => {
    const { origin } = new URL(request.url());
    if (origin !== new URL(url).origin && !request.url().startsWith('blob:')) looked.foreign.push(request.url());
  });
  await page.goto(url);
  return looked;
}
