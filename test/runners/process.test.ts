import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { RunnerSpec } from '../../src/core/ports/runner-driver.ts';
import { claimName, labelsOf } from '../../src/runners/process-state.ts';
import { processIsNoSandbox } from '../../src/runners/process-environment.ts';
import { processRunner } from '../../src/runners/process.ts';
import { type ProcessHarness, processHarness } from './support/process-harness.ts';

const orchestrator = fileURLToPath(new URL('support/process-orchestrator.ts', import.meta.url));
const starved = fileURLToPath(new URL('support/process-without-descriptors.ts', import.meta.url));

describe('the process driver', () => {
  let harness: ProcessHarness;
  beforeEach(async () => {
    harness = await processHarness();
    await harness.driver.check();
  });
  afterEach(async () => harness.dispose());

  const home = (spec: RunnerSpec): string => join(harness.options.directory, spec.name);

  async function state(spec: RunnerSpec): Promise<string> {
    return (await harness.driver.observe(spec.name)).state;
  }

  /** The process id that a task wrote to a file of its exchange. */
  async function pidIn(spec: RunnerSpec, file: string): Promise<number> {
    await expect.poll(async () => harness.left(spec, file).catch(() => ''), { timeout: 10_000 }).toMatch(/^\d+\n$/);
    return Number(await harness.left(spec, file));
  }

  /** Runs the lines under an orchestrator of its own, which is then killed. */
  async function createdByAnother(lines: string): Promise<RunnerSpec> {
    const spec = await harness.prepare(lines);
    const { directory, runnerScript, maximumRunners } = harness.options;
    const options = { directory, runnerScript, maximumRunners };
    const child = spawn(process.execPath, [orchestrator, JSON.stringify({ options, spec })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString()).toBe('created\n');
    child.kill('SIGKILL');
    await once(child, 'exit');
    return spec;
  }

  test('what it started goes on when the orchestrator is killed, and is found again with its exit code', async () => {
    const spec = await createdByAnother('echo before; sleep 1; echo after; exit 4');
    expect(await state(spec)).toBe('running');
    const controller = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { runId } of harness.driver.watch({ instanceId: harness.instanceId, signal: controller.signal }))
        seen.push(runId);
    })();
    await expect.poll(() => seen, { timeout: 10_000 }).toContain(spec.runId);
    controller.abort();
    await watching;
    expect(await harness.driver.observe(spec.name)).toMatchObject({
      state: 'exited',
      exitCode: 4,
      tail: 'before\nafter',
    });
  });

  test('where this process may open no more files there is no room now, and no run fails of it', async () => {
    const spec = await harness.prepare('echo never');
    const { directory, runnerScript, maximumRunners } = harness.options;
    const told = JSON.stringify({ options: { directory, runnerScript, maximumRunners }, spec });
    const child = spawn('/bin/sh', ['-c', 'ulimit -n 60 && exec "$@"', 'sh', process.execPath, starved, told], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString()).toMatch(/^NoCapacity: .*EMFILE/);
    expect(await state(spec)).toBe('created');
    await harness.driver.remove(spec.name);
    expect(await state(spec)).toBe('absent');
  });

  test('what it started can be stopped by the next orchestrator', async () => {
    const spec = await createdByAnother("trap 'exit 9' TERM; while :; do sleep 0.1; done");
    await systemClock.sleep(300);
    await harness.driver.stop(spec.name, { graceSeconds: 10 });
    expect(await harness.driver.observe(spec.name)).toMatchObject({ state: 'exited', exitCode: 9 });
  });

  test('a process that only has the number of ours is not taken for it, nor harmed', async () => {
    const spec = await harness.prepare('exit 0');
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      await mkdir(harness.options.directory, { recursive: true });
      await claimName(harness.options.directory, spec.name, labelsOf(spec, systemClock.now()));
      const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
      await writeFile(join(home(spec), 'started'), `${bystander.pid} 1 ${boot}\n`);
      expect(await harness.driver.observe(spec.name)).toMatchObject({ state: 'exited', exitCode: 255 });
      await harness.driver.stop(spec.name, { graceSeconds: 0 });
      await harness.driver.remove(spec.name);
      expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    } finally {
      bystander.kill('SIGKILL');
    }
  });

  test('a process of an earlier boot is over, whatever has its number and start time now', async () => {
    const spec = await harness.prepare('sleep 60');
    await harness.driver.create(spec);
    const started = join(home(spec), 'started');
    const [pid, startTime, boot] = (await readFile(started, 'utf8')).split(' ');
    expect(await state(spec)).toBe('running');
    await writeFile(started, `${pid} ${startTime} 00000000-0000-0000-0000-000000000000\n`);
    expect(await harness.driver.observe(spec.name)).toMatchObject({ state: 'exited', exitCode: 255 });
    await writeFile(started, `${pid} ${startTime} ${boot}`);
  });

  test('a name that was claimed by one who died before starting anything is created, and is never started', async () => {
    const spec = await harness.prepare('exit 0');
    await claimName(harness.options.directory, spec.name, labelsOf(spec, systemClock.now()));
    expect(await harness.driver.observe(spec.name)).toMatchObject({
      state: 'created',
      since: expect.stringMatching(/Z$/),
    });
    await expect(harness.driver.create(spec)).rejects.toMatchObject({ code: 'platformUnavailable' });
    await harness.driver.remove(spec.name);
    expect(await state(spec)).toBe('absent');
    expect(await harness.starts(spec)).toBe(0);
  });

  test('a runner killed together with its wrapper is over, and watchers hear of it', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { runId } of harness.driver.watch({ instanceId: harness.instanceId, signal: controller.signal }))
        seen.push(runId);
    })();
    const spec = await harness.prepare('sleep 60');
    const { containerId } = await harness.driver.create(spec);
    await systemClock.sleep(200);
    process.kill(-Number(containerId), 'SIGKILL');
    await expect.poll(() => seen, { timeout: 10_000 }).toContain(spec.runId);
    expect(await harness.driver.observe(spec.name)).toMatchObject({ state: 'exited', exitCode: 255 });
    controller.abort();
    await watching;
  });

  test('removal ends what has left the session, the children of what wiped its environment, and what hops from process to process', async () => {
    const spec = await harness.prepare(
      [
        'exchange=$1',
        'setsid sh -c \'echo $$ >"$0/away"; exec sleep 300\' "$exchange" &',
        // As the runner gives it to a task: without the marker, with the ids.
        `env -i PATH="$PATH" ERRAND_RUN_ID=RUN ERRAND_ATTEMPT=1 setsid sh -c 'echo $$ >"$0/task"; env -i /bin/sh -c "echo \\$\\$ >$0/wiped; exec sleep 301" & wait' "$exchange" &`,
        // Always one process, never the same for long.
        'hop() { sleep 0.01; hop & }',
        'hop & sleep 300',
      ].join('\n'),
    );
    const lines = join((spec.access as { exchange: string }).exchange, 'lines');
    await writeFile(lines, (await readFile(lines, 'utf8')).replace('RUN_ID=RUN', `RUN_ID=${spec.runId}`));
    await harness.driver.create(spec);
    const pids = await Promise.all(['away', 'task', 'wiped'].map(async (file) => pidIn(spec, file)));
    expect(pids.map(lives)).toEqual([true, true, true]);
    await harness.driver.remove(spec.name);
    await expect.poll(() => pids.map(lives)).toEqual([false, false, false]);
    expect(await marked(spec)).toEqual([]);
    expect(await state(spec)).toBe('absent');
  });

  test('a stop, too, leaves no process', async () => {
    const spec = await harness.prepare(
      'setsid sh -c \'echo $$ >"$0/away"; exec sleep 300\' "$1" & trap \'exit 0\' TERM; while :; do sleep 0.1; done',
    );
    await harness.driver.create(spec);
    const pid = await pidIn(spec, 'away');
    await harness.driver.stop(spec.name, { graceSeconds: 5 });
    await expect.poll(() => lives(pid)).toBe(false);
    expect(await marked(spec)).toEqual([]);
  });

  test('removal leaves no file, and copes with directories without rights', async () => {
    const spec = await harness.prepare('mkdir -p a/b; echo x >a/b/c; chmod 000 a/b a; exit 0');
    await harness.driver.create(spec);
    await expect.poll(async () => state(spec)).toBe('exited');
    expect(existsSync(join(home(spec), 'work/a'))).toBe(true);
    await harness.driver.remove(spec.name);
    expect(await readdir(harness.options.directory)).toEqual(['.ended']);
    expect(await readdir(join(harness.options.directory, '.ended'))).toEqual([]);
  });

  test('runners see a base environment, and nothing else of the orchestrator', async () => {
    process.env['ERRAND_API_KEYS'] = 'must stay here';
    const own = await processHarness({ baseEnvironment: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' } });
    try {
      const spec = await own.prepare('env >"$1/env"; pwd >"$1/pwd"; exit 0');
      await own.driver.create(spec);
      await expect.poll(async () => (await own.driver.observe(spec.name)).state).toBe('exited');
      const names = (await own.left(spec, 'env'))
        .trim()
        .split('\n')
        .map((line) => line.split('=', 1)[0]);
      expect(new Set(names)).toEqual(new Set(['ERRAND_CONTAINER', 'LANG', 'PATH', 'PWD']));
      expect((await own.left(spec, 'pwd')).trim()).toBe(join(own.options.directory, spec.name, 'work'));
    } finally {
      delete process.env['ERRAND_API_KEYS'];
      await own.dispose();
    }
  });

  test('it says that it is no sandbox', async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_details: object, message: string) => void warnings.push(message) };
    const driver = processRunner({ ...harness.options, logger });
    await driver.check();
    await driver.check();
    expect(warnings).toEqual([processIsNoSandbox]);
    expect(driver.capabilities).toMatchObject({ isolation: false, view: 'host', exchanges: ['directory'] });
  });

  test('check clears away what a crash has left half made, and only that', async () => {
    const directory = harness.options.directory;
    const long = new Date(systemClock.now() - 3_600_000);
    for (const name of ['.draft-old', '.removed-old', '.draft-new'])
      await mkdir(join(directory, name, 'x'), { recursive: true });
    for (const name of ['.draft-old', '.removed-old']) await utimes(join(directory, name), long, long);
    await harness.driver.check();
    expect((await readdir(directory)).toSorted()).toEqual(['.draft-new', '.ended']);
  });

  test('a missing runner script and another kind of exchange are refused', async () => {
    await expect(processRunner({ ...harness.options, runnerScript: '/nonexistent.sh' }).check()).rejects.toMatchObject({
      code: 'invalidConfiguration',
    });
    const spec = await harness.prepare('exit 0', { access: { kind: 'signedUrls', plain: {}, secure: {} } });
    await expect(harness.driver.create(spec)).rejects.toMatchObject({ name: 'StartRefused', permanent: true });
    await expect(harness.driver.observe('../escape')).rejects.toMatchObject({ code: 'internal' });
  });
});

/** A process that has ended may stay listed as a zombie until whoever inherited it asks for its exit code. */
function lives(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** Processes that carry the mark of a runner. */
async function marked(spec: RunnerSpec): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (environment.includes(`ERRAND_CONTAINER=${spec.name}`)) found.push(pid);
  }
  return found;
}
