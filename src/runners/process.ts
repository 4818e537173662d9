import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import {
  type CreatedRunner,
  NoCapacity,
  type RunnerDriver,
  type RunnerSpec,
  StartRefused,
} from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { processIsNoSandbox } from './process-environment.ts';
import { killFamily } from './process-kill.ts';
import {
  claimName,
  draftPrefix,
  exists,
  hasCode,
  labelsOf,
  markEnded,
  observeHome,
  type ProcessLabels,
  readIdentity,
  readLabels,
  removedPrefix,
} from './process-state.ts';
import { isAlive, signalProcess } from './process-table.ts';
import { endedProcesses } from './process-watch.ts';
import { containerMarker, endedDirectory, processFiles, wrapperScript } from './process-wrapper.ts';

export interface ProcessRunnerOptions {
  /** Made if missing. Holds a directory for each runner. */
  directory: string;
  /** Absolute path of `script-runner.sh`. */
  runnerScript: string;
  /** What every runner's environment begins with: pick `processEnvironmentNames` from the own one. */
  baseEnvironment?: Readonly<Record<string, string>> | undefined;
  /** Runners at once. */
  maximumRunners: number;
  logger: Logger;
  clock: Clock;
}

const defaultEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/' };
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
/** The runner ends the task after the task's own grace, and then still has to leave its result. */
const graceMarginSeconds = 5;
/** Descriptors of this process or of the machine, processes, memory: there will be some again. */
const exhausted = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'];
const lookAgainMs = 50;
const startWithinMs = 10_000;
const leftoverMs = 600_000;

/** Runners as plain processes of this machine (Linux). */
export function processRunner(options: ProcessRunnerOptions): RunnerDriver {
  const { directory, clock, logger } = options;
  let warned = false;

  const homeOf = (name: string): string => {
    if (!namePattern.test(name)) throw new ErrandError('internal', `"${name}" cannot name a runner`);
    return join(directory, name);
  };

  async function ownLabels(name: string): Promise<ProcessLabels | undefined> {
    const labels = await readLabels(homeOf(name));
    return labels === 'foreign' ? undefined : labels;
  }

  async function adopt(spec: RunnerSpec): Promise<CreatedRunner> {
    const home = homeOf(spec.name);
    const labels = await readLabels(home);
    if (labels === 'foreign' || (labels !== undefined && !isOf(labels, spec))) {
      throw new StartRefused(
        'nameConflict',
        `${home} exists and is not of this attempt; it was left alone. Remove it, or see who made it.`,
        { permanent: true },
      );
    }
    const identity = labels === undefined ? undefined : await readIdentity(home);
    if (identity !== undefined) return { containerId: String(identity.pid) };
    throw new ErrandError(
      'platformUnavailable',
      `The process ${spec.name} is being started by somebody else: it will be looked at again.`,
    );
  }

  /** Detached: it outlives this process, and stays alone in its own session. Output goes to a file, for a pipe that nobody reads would hold it up. */
  async function spawnWrapper(spec: RunnerSpec, exchange: string): Promise<void> {
    const home = homeOf(spec.name);
    const output = await open(join(home, processFiles.output), 'w', 0o600);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    try {
      const environment: NodeJS.ProcessEnv = Object.create(null);
      Object.assign(environment, options.baseEnvironment ?? defaultEnvironment, { [containerMarker]: spec.name });
      const child = spawn(
        '/bin/sh',
        [
          '-c',
          wrapperScript,
          'errand-process',
          home,
          join(directory, endedDirectory),
          spec.name,
          '/bin/sh',
          options.runnerScript,
          exchange,
        ],
        {
          detached: true,
          cwd: join(home, processFiles.work),
          env: environment,
          stdio: ['ignore', output.fd, output.fd],
        },
      );
      child.once('spawn', resolve);
      child.once('error', reject);
      // A wrapper that was killed cannot mark its end itself.
      child.once('exit', () => void markEnded(directory, spec.name, logger));
      child.unref();
      await promise;
    } finally {
      await output.close();
    }
  }

  async function killAll(name: string, labels: ProcessLabels, cancelable: Cancelable): Promise<void> {
    const marks = [
      [`${containerMarker}=${name}`],
      // The runner takes its own marker from the task, and gives it these.
      [`ERRAND_RUN_ID=${labels.run}`, `ERRAND_ATTEMPT=${labels.attempt}`],
    ];
    await killFamily(name, { marks, leader: await readIdentity(homeOf(name)) }, clock, cancelable);
  }

  async function removeLeftovers(): Promise<void> {
    for (const entry of await readdir(directory)) {
      if (!entry.startsWith(draftPrefix) && !entry.startsWith(removedPrefix)) continue;
      const path = join(directory, entry);
      const age = clock.now() - (await lstat(path)).mtimeMs;
      if (age > leftoverMs) await removeTree(path);
    }
  }

  return {
    name: 'process',
    capabilities: {
      isolation: false,
      exchanges: ['directory'],
      view: 'host',
      identity: false,
      networks: ['default'],
      containerWishes: [],
      minimumCpu: 0.1,
      maximumCpu: 31,
      minimumMemoryInGB: 0.0625,
      maximumMemoryInGB: 240,
      places: [{ name: 'local', runners: options.maximumRunners }],
    },

    async check() {
      if (!(await exists('/proc/self/stat')) || !(await exists('/proc/sys/kernel/random/boot_id'))) {
        throw new ErrandError(
          'invalidConfiguration',
          'The process driver finds its processes in /proc, which this system does not have: use the docker driver here, or run Errand on Linux.',
        );
      }
      if (!(await exists(options.runnerScript))) {
        throw new ErrandError(
          'invalidConfiguration',
          `The runner script ${options.runnerScript} is not there: install Errand again, or point to the script with the option runnerScript.`,
        );
      }
      await mkdir(join(directory, endedDirectory), { recursive: true, mode: 0o700 });
      await removeLeftovers();
      if (!warned) logger.warn({ directory }, processIsNoSandbox);
      warned = true;
    },

    async create(spec, { signal, progress = () => {} } = {}) {
      signal?.throwIfAborted();
      if (spec.access.kind !== 'directory') {
        throw new StartRefused(
          'startError',
          'The process driver needs an exchange by directory: use the filesystem artifact store with it.',
          { permanent: true },
        );
      }
      await mkdir(join(directory, endedDirectory), { recursive: true, mode: 0o700 });
      if (!(await claimName(directory, spec.name, labelsOf(spec, clock.now())))) return adopt(spec);
      progress('starting the process');
      try {
        await spawnWrapper(spec, spec.access.exchange);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        if (hasCode(cause, ...exhausted))
          throw new NoCapacity(`No process can be started now, for this machine or this process has no room: ${why}.`, {
            cause,
          });
        throw new StartRefused('startError', `No process could be started: ${why}.`, { permanent: false, cause });
      }
      // From here on it can be found again, whatever becomes of this process.
      const deadline = clock.monotonic() + startWithinMs;
      for (;;) {
        const identity = await readIdentity(homeOf(spec.name));
        if (identity !== undefined) return { containerId: String(identity.pid) };
        if (clock.monotonic() > deadline)
          throw new ErrandError(
            'platformUnavailable',
            `The process ${spec.name} was started and does not say so within ${startWithinMs / 1000} s: is ${directory} writable?`,
          );
        await clock.sleep(5, { signal });
      }
    },

    async observe(name) {
      const home = homeOf(name);
      const labels = await readLabels(home);
      if (labels === undefined) return { state: 'absent' };
      return labels === 'foreign' ? { state: 'foreign' } : observeHome(home, labels);
    },

    async stop(name, { graceSeconds, signal }) {
      const labels = await ownLabels(name);
      const identity = labels === undefined ? undefined : await readIdentity(homeOf(name));
      if (labels === undefined || identity === undefined) return;
      const deadline = clock.monotonic() + (graceSeconds + graceMarginSeconds) * 1000;
      if (isAlive(identity)) signalProcess(identity.pid, 'SIGTERM');
      while (clock.monotonic() < deadline && isAlive(identity)) await clock.sleep(lookAgainMs, { signal });
      await killAll(name, labels, { signal });
    },

    async remove(name, { signal } = {}) {
      const home = homeOf(name);
      const labels = await readLabels(home);
      if (labels === undefined) return;
      if (labels === 'foreign') {
        logger.warn({ name }, `${home} is not one of Errand's and was left alone`);
        return;
      }
      await killAll(name, labels, { signal });
      const leaving = join(directory, `${removedPrefix}${name}.${randomBytes(6).toString('hex')}`);
      try {
        await rename(home, leaving);
      } catch (error) {
        // Somebody else removes it at the same time.
        if (hasCode(error, 'ENOENT')) return;
        throw error;
      }
      // What started while the directory was leaving has found no place to say so, or was there to be killed.
      await killAll(name, labels, { signal });
      await rm(join(directory, endedDirectory, name), { force: true });
      await removeTree(leaving);
    },

    async *list({ instanceId }) {
      for (const name of await readdir(directory).catch(emptyIfMissing)) {
        const labels = namePattern.test(name) ? await ownLabels(name) : undefined;
        if (labels === undefined || labels.instance !== instanceId) continue;
        yield { name, runId: labels.run, attempt: labels.attempt, createdAt: labels.createdAt };
      }
    },

    watch: ({ instanceId, signal }) => endedProcesses({ directory, instanceId, signal, logger }),

    async close() {},
  };
}

function isOf(labels: ProcessLabels, spec: RunnerSpec): boolean {
  return labels.run === spec.runId && labels.attempt === spec.attempt && labels.instance === spec.instanceId;
}

function emptyIfMissing(error: unknown): string[] {
  if (hasCode(error, 'ENOENT')) return [];
  throw error;
}

/** Also where a task has taken the rights from its directories. */
async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM')) throw error;
    await openUp(path);
    await rm(path, { recursive: true, force: true });
  }
}

async function openUp(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await openUp(join(path, entry.name));
}
