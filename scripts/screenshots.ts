// Pictures of the dashboard for the documents, with sample data: npm run screenshots
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Browser, Page } from 'playwright-core';

import { priceListSchema } from '../src/contract/cost.ts';
import type { Firing, ScheduleBody } from '../src/contract/schedule.ts';
import { instant } from '../src/core/clock.ts';
import type { Context } from '../src/core/context.ts';
import { plannedTimes } from '../src/core/cron.ts';
import prices from '../src/core/prices.json' with { type: 'json' };
import type { EndedRun } from '../src/core/run-record.ts';
import { isEnded } from '../src/core/view.ts';
import { buildDashboard } from './build-dashboard.ts';
import { findChromium, launchChromium } from './chromium.ts';
import { dashboardServer, type DashboardServer } from './dashboard-server.ts';
import { insertRuns, sampleRuns } from './sample-runs.ts';

const images = fileURLToPath(new URL('../docs/images', import.meta.url));
const schemes = ['light', 'dark'] as const;
const hourMs = 3_600_000;
const largestBytes = 150 * 1024;

/** Three regions, as an installation on Azure may have them; some of their room is taken. */
const places = [
  { name: 'westeurope', runners: 100 },
  { name: 'northeurope', runners: 100 },
  { name: 'swedencentral', runners: 40 },
] as const;
const held = [61, 18, 3];

const deploy = {
  taskName: 'Deploy',
  dockerImage: 'registry.example/deploy:7.2',
  scriptName: 'deploy.sh',
  description: 'Brings a version of a service to an environment, waits until it is healthy, and says where it is.',
  scriptParameters: [
    {
      parameterName: 'Service',
      parameterType: 'string',
      required: true,
      description: 'Name of the service',
      pattern: '^[a-z][a-z0-9-]*$',
      maxLength: 40,
    },
    {
      parameterName: 'Environment',
      parameterType: 'string',
      required: true,
      enum: ['test', 'staging', 'production'],
      description: 'Where to',
    },
    { parameterName: 'Replicas', parameterType: 'int', minimum: 1, maximum: 20, default: 2 },
    {
      parameterName: 'RegistryToken',
      parameterType: 'secret',
      required: true,
      description: 'Of the registry that the image comes from',
    },
    { parameterName: 'ChatHook', parameterType: 'secret', valueFrom: 'env:ERRAND_SECRET_CHAT_HOOK' },
  ],
  concurrency: { limit: 2, key: 'Environment' },
  timeouts: { runSeconds: 900 },
};

const backup = {
  taskName: 'Backup',
  dockerImage: 'registry.example/backup:2.0',
  scriptName: 'backup.sh',
  concurrency: { limit: 2 },
  timeouts: { graceSeconds: 1 },
};

const script = `#!/bin/sh
printf '\\033[1mDeploying %s to %s\\033[0m\\n' "$Service" "$Environment"
printf '\\033[36mplan\\033[0m  %s replicas, one after another\\n' "$Replicas"
replica=0
while [ $replica -lt $Replicas ]; do
  replica=$((replica + 1))
  printf '\\033[36mwait\\033[0m  %s-%s is starting\\n' "$Service" $replica
  [ $replica = 2 ] && printf '\\033[33mwarn\\033[0m  %s-%s took 6.1 s to answer; usually it takes 2 s\\n' "$Service" $replica
  printf '\\033[32mok\\033[0m    %s-%s is healthy\\n' "$Service" $replica
done
printf '\\033[32;1mdone\\033[0m  https://%s.%s.example\\n' "$Service" "$Environment"
printf '{"url": "https://%s.%s.example", "replicas": %s}' "$Service" "$Environment" "$Replicas" >"$ERRAND_OUTPUT"
echo '<h1>Report</h1>' >"$ERRAND_OUTPUT_DIR/report.html"
`;

const inputs = [
  { name: 'Service', value: 'web-shop' },
  { name: 'Environment', value: 'staging' },
  { name: 'Replicas', value: '3' },
  { name: 'RegistryToken', value: 'a token' },
];

function withRegions(context: Context): Context {
  const { driver } = context;
  return {
    ...context,
    readSecret: () => Promise.resolve('a hook'),
    prices: priceListSchema.parse(prices),
    driver: {
      ...driver,
      name: prices.platform,
      capabilities: { ...driver.capabilities, isolation: true, places: [...places] },
    },
  };
}

/** A run that really ran, with the times, the place and the price that it would have on Azure. */
async function sampleRun({ client, errand }: DashboardServer): Promise<string> {
  const { id } = await client.run({ taskName: 'Deploy', parameters: inputs, labels: { ticket: 'OPS-1432' } });
  await client.wait(id);
  const { storage } = errand.context;
  // The orchestrator may still be clearing up after it.
  for (;;) {
    const run = await storage.getRun(id);
    if (run === undefined || !isEnded(run)) throw new Error(`run ${id} has not ended`);
    const begin = Date.parse(run.createdAt);
    const at = (ms: number): string => instant(begin + ms);
    const [attempt] = run.attempts;
    if (attempt === undefined) throw new Error(`run ${id} has no attempt`);
    const times = {
      openedAt: at(380),
      createdAt: at(2_150),
      fencedAt: at(14_900),
      fetchMs: 290,
      runMs: 21_400,
      endedAt: at(37_200),
    };
    const isSaved = await storage.updateRun({
      ...run,
      version: run.version + 1,
      startedAt: at(14_900),
      endedAt: at(37_200),
      attempts: [{ ...attempt, ...times, region: 'westeurope' }],
      cost: {
        currency: 'USD',
        amount: 0.000_593,
        cpuSeconds: 37,
        gbSeconds: 37,
        prices: { asOf: prices.asOf, source: prices.source },
      },
      open: false,
    });
    if (isSaved) return id;
  }
}

const schedules: readonly (readonly [name: string, document: ScheduleBody])[] = [
  [
    'nightly-report',
    {
      taskName: 'NightlyReport',
      cron: '30 2 * * MON-FRI',
      timeZone: 'Europe/Berlin',
      description: 'The figures of the day before, for those who come in early',
    },
  ],
  ['resize-disks', { taskName: 'ResizeDisk', cron: '0 */2 * * *' }],
  ['rotate-keys', { taskName: 'RotateKeys', cron: '@hourly', overlap: 'queue' }],
  ['stop-test-machines', { taskName: 'StopVM', cron: '0 19 * * *', timeZone: 'Europe/Berlin', paused: true }],
];

/** Schedules of the sample runs, as if these had come of them; the last time of one was refused. */
async function sampleSchedules({ client, errand }: DashboardServer, runs: readonly EndedRun[]): Promise<void> {
  const { storage } = errand.context;
  for (const [name, document] of schedules) {
    const { taskName } = document;
    const definition = { taskName, dockerImage: 'registry.example/tools:3.1', scriptName: `${taskName}.sh` };
    await client.push(taskName, definition, { executable: new Blob(['#!/bin/sh\n']) });
    await client.putSchedule(name, document);
    const schedule = await storage.getSchedule(name);
    if (schedule === undefined) throw new Error(`there is no schedule ${name}`);
    const ids = runs.filter((run) => run.taskName === taskName).map(({ id }) => id);
    const times = plannedTimes(document.cron, document.timeZone ?? 'UTC');
    const firings: Firing[] = [];
    let plannedAt = Date.now();
    while (firings.length < 5) {
      plannedAt = times?.latest(plannedAt - 1) ?? 0;
      const about = { plannedAt: instant(plannedAt), at: instant(plannedAt) };
      if (name === 'resize-disks' && firings.length === 0)
        firings.push({
          ...about,
          outcome: 'failed',
          reason: 'taskDisabled',
          message: `${taskName} is switched off by its author: "enabled" is false in its definition`,
        });
      else firings.push({ ...about, outcome: 'started', runId: ids.at(-1 - firings.length) });
    }
    await storage.updateSchedule({ ...schedule, version: schedule.version + 1, firings });
  }
}

async function window(browser: Browser, colorScheme: (typeof schemes)[number], height: number): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1180, height }, colorScheme, locale: 'en-GB' });
  return context.newPage();
}

async function picture(page: Page, name: string): Promise<void> {
  const path = join(images, `${name}.png`);
  await page.screenshot({ path, animations: 'disabled', caret: 'hide' });
  const { size } = await stat(path);
  process.stdout.write(`${path}: ${Math.round(size / 1024)} KiB\n`);
  if (size > largestBytes) throw new Error(`${path} has more than ${largestBytes / 1024} KiB`);
}

async function pictures(browser: Browser, { url }: DashboardServer, id: string): Promise<void> {
  for (const scheme of schemes) {
    const overview = await window(browser, scheme, 640);
    await overview.goto(url);
    await overview.getByText('Room for runners').waitFor();
    await overview.getByText('Live', { exact: true }).waitFor();
    await picture(overview, `overview-${scheme}`);

    const task = await window(browser, scheme, 760);
    await task.goto(`${url}/tasks/Deploy`);
    await task.getByLabel('Service').fill('web-shop');
    await task.getByLabel('Environment').selectOption('staging');
    await task.getByLabel('Replicas').fill('30');
    await task.getByLabel('RegistryToken').fill('a token');
    await task.getByLabel('Service').focus();
    await task.getByText('Replicas must be at most 20').waitFor();
    await task.getByLabel('Replicas').fill('3');
    await task.getByText('Replicas 3').waitFor();
    await task.getByLabel('Replicas').blur();
    await picture(task, `task-${scheme}`);

    const run = await window(browser, scheme, 900);
    await run.goto(`${url}/runs/${id}`);
    await run.getByText('is healthy').first().waitFor();
    await picture(run, `run-${scheme}`);
    for (const page of [overview, task, run]) await page.context().close();
  }
}

async function schedulesPicture(browser: Browser, { url }: DashboardServer): Promise<void> {
  const page = await window(browser, 'light', 500);
  await page.goto(`${url}/schedules`);
  await page.getByText('times before').first().waitFor();
  await page.locator('.state.is-succeeded').first().waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await picture(page, 'schedules-light');
  await page.context().close();
}

/** The form of the tutorial's task, as the tutorial has it. */
async function tutorialPicture(browser: Browser, { client, url }: DashboardServer): Promise<void> {
  const page = await readFile(new URL('../docs/tutorial.md', import.meta.url), 'utf8');
  const [, definition] = /^```json expiry\/Expiry\.json\n([^]*?)^```$/m.exec(page) ?? [];
  if (definition === undefined) throw new Error('docs/tutorial.md has no definition any more');
  await client.push('Expiry', JSON.parse(definition) as Record<string, unknown>, { executable: new Blob(['true']) });
  const task = await window(browser, 'light', 590);
  await task.goto(`${url}/tasks/Expiry`);
  await task.getByLabel('Name').fill('shop.example');
  await task.getByLabel('Expires').fill('tomorrow');
  await task.getByLabel('WarnDays').focus();
  await task.getByText('Expires must match the pattern').waitFor();
  await task.getByLabel('WarnDays').blur();
  await picture(task, 'tutorial-form');
  await task.context().close();
}

async function main(): Promise<void> {
  const executable = findChromium();
  if (executable === undefined) throw new Error('no pictures without a browser: apt-get install chromium');
  const web = await mkdtemp(join(tmpdir(), 'errand-web-'));
  await mkdir(images, { recursive: true });
  await buildDashboard(web);
  const server = await dashboardServer(web, withRegions);
  const browser = await launchChromium(executable);
  try {
    const runs = [...sampleRuns({ count: 900, now: Date.now() - 60_000, spanMs: 24 * hourMs })];
    const failing = runs.filter(({ taskName }) => taskName === 'ResizeDisk').slice(-4);
    insertRuns(
      server.directory,
      runs.map((run) =>
        failing.includes(run) ? { ...run, state: 'failed', reason: 'exitCode', message: 'exit code 3' } : run,
      ),
    );
    const { storage, clock, driver } = server.errand.context;
    for (const [index, place] of places.entries()) {
      for (let holder = 0; holder < (held[index] ?? 0); holder += 1) {
        await storage.takeSlot({
          key: `place:${driver.name}:${place.name}`,
          holder: `sample-${holder}.1`,
          limit: place.runners,
          at: instant(clock.now()),
        });
      }
    }
    await server.client.push('Deploy', deploy, { executable: new Blob([script]) });
    const id = await sampleRun(server);
    await server.client.push('Backup', backup, { executable: new Blob(['#!/bin/sh\nsleep 600 & wait $!\n']) });
    for (let run = 0; run < 5; run += 1) await server.client.run({ taskName: 'Backup' });
    await pictures(browser, server, id);
    await tutorialPicture(browser, server);
    await sampleSchedules(server, runs);
    await schedulesPicture(browser, server);
  } finally {
    await browser.close();
    await server.close();
    await rm(web, { recursive: true, force: true });
  }
}

await main();
