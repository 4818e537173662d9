import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { monotonicFactory } from 'ulid';
import { instantEngine, startEmulator, type Emulator } from '../../emulator/server.ts';
import { filesystemArtifacts } from '../../src/artifacts/filesystem.ts';
import { fromInstant } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { orchestrator, type Orchestrator } from '../../src/core/orchestrator.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Storage } from '../../src/core/ports/storage.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import { sealer } from '../../src/core/seal.ts';
import { timerQueue } from '../../src/queues/timer.ts';
import { azureContainerInstances } from '../../src/runners/azure-container-instances.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { leapingClock } from './leaping-clock.ts';
import { leastDrainMs } from './least-drain.ts';
import { engineByImage, realExecutable, realRunners, realTask, storeByTask } from './real-runners.ts';
import { playRunner, signedFiles } from './signed-files.ts';

export interface DrainOptions {
  /** Whose containers are emulated and end after `taskMs`. */
  runs: number;
  taskMs: number;
  /** Beside them: runs in real containers, of the Docker engine at `host`. */
  real?: { runs: number; host: string } | undefined;
  logger: Logger;
  /** Told now and then how many have ended, and when. */
  progress?: (line: string) => void;
}

export interface DrainReport {
  runs: number;
  succeeded: number;
  realSucceeded: number;
  /** Attempts beyond the first of a run, whatever for. */
  repeated: number;
  /** Requests that were answered with 429. */
  throttled: number;
  /** Creates that were refused for anything else, quotas among it. */
  refused: number;
  /** How often a runner was played. */
  starts: number;
  drainMs: number;
  leastMs: number;
  ratio: number;
  /** Of this machine. */
  tookMs: number;
}

const pendingMs = 1_000;
const pullMs = 3_000;
const regions = ['West US', 'North Europe'] as const;

/** As the service publishes them, written down once more: the driver's defaults must not be their own measure. */
const published = {
  runners: 100,
  rates: [
    { count: 300, perMs: 3_600_000 },
    { count: 100, perMs: 300_000 },
  ],
} as const;

const instantTask = { taskName: 'Instant', dockerImage: 'instant:1', scriptName: 'instant.sh' };

/** Many runs at once against two regions of an emulated subscription, by the shipped orchestrator and driver with their defaults. */
export async function drain(options: DrainOptions): Promise<DrainReport> {
  const { runs, taskMs, logger, progress = () => undefined } = options;
  const began = performance.now();
  const directory = await mkdtemp(join(tmpdir(), 'errand-drain-'));
  const clock = leapingClock();
  const real = options.real === undefined ? undefined : await realRunners(options.real.host, clock, logger);
  let starts = 0;
  const instant = instantEngine({
    behavior: ({ environment, group, signal }) => {
      starts += 1;
      const nonce = `${group.name}-${starts}`;
      return { effect: () => playRunner(environment, { clock, runMs: taskMs, nonce, signal }) };
    },
  });
  const emulator = await startEmulator({
    clock,
    switches: { pendingMs, pullMs },
    engine: real === undefined ? instant : engineByImage(real.engine, instant),
    log: (line) => logger.warn({}, line),
  });
  const driver = azureContainerInstances({
    subscriptionId: '00000000-0000-4000-8000-000000000000',
    resourceGroup: 'runs',
    connection: { endpoint: emulator.url, allowInsecure: true },
    places: [{ region: regions[0] }, { region: regions[1] }],
    identities: [],
    registries: [],
    runnerScript: resolve(import.meta.dirname, '../../runner-image/script-runner.sh'),
    clock,
    logger,
  });
  const realRuns = new Set<string>();
  const storage = noting(sqliteStorage({ path: join(directory, 'errand.db'), clock, logger }), realRuns);
  const files = signedFiles(filesystemArtifacts({ directory, clock, logger }));
  const ulid = monotonicFactory();
  const made = orchestrator({
    storage,
    artifacts: real === undefined ? files : storeByTask(real.artifacts, files, (id) => realRuns.has(id)),
    queue: timerQueue({ clock, logger }),
    driver,
    clock,
    logger,
    policy: defaultPolicy,
    sealer: sealer(Buffer.alloc(32, 7)),
    readSecret: () => Promise.reject(new Error('no secrets here')),
    webhooks: {
      sender: { send: () => Promise.reject(new Error('nobody is told of these runs')) },
      rules: { internal: [] },
    },
    instanceId: await storage.instanceId(),
    owner: 'drain',
    namePrefix: 'errand',
    newId: () => ulid(clock.now()).toLowerCase(),
    random: Math.random,
  });

  try {
    await made.ready();
    await made.definitions.store(instantTask.taskName, instantTask, Buffer.from('#!/bin/sh\n'), {});
    if (real !== undefined) await made.definitions.store(realTask.taskName, realTask, Buffer.from(realExecutable), {});
    await made.start();
    const submittedAt = clock.now();
    const tasks = [
      ...Array.from({ length: options.real?.runs ?? 0 }, () => realTask.taskName),
      ...Array.from({ length: runs }, () => instantTask.taskName),
    ];
    const records = await submit(made, tasks, (count) => {
      const minutes = ((clock.now() - submittedAt) / 60_000).toFixed(1);
      const seconds = Math.round((performance.now() - began) / 1000);
      progress(`${count} have ended after ${minutes} emulated minutes, ${seconds} s here`);
    });
    const drainMs = Math.max(...records.map(endOf)) - submittedAt;
    const leastMs = leastDrainMs(tasks.length, regions.length, pendingMs + pullMs + taskMs, published);
    const succeeded = records.filter(({ state }) => state === 'succeeded');
    return {
      runs: tasks.length,
      succeeded: succeeded.length,
      realSucceeded: succeeded.filter(({ taskName }) => taskName === realTask.taskName).length,
      repeated: records.reduce((sum, { attempts }) => sum + attempts.length - 1, 0),
      ...refusals(emulator),
      starts,
      drainMs,
      leastMs,
      ratio: drainMs / leastMs,
      tookMs: performance.now() - began,
    };
  } finally {
    await made.close();
    await driver.close();
    await storage.close();
    await emulator.close();
    await real?.close();
    clock.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** All at once. Resolves with the records when every run has ended; `ended` is called after each hundred. */
async function submit(
  made: Orchestrator,
  tasks: readonly string[],
  ended: (count: number) => void,
): Promise<RunRecord[]> {
  const { promise: allEnded, resolve: done } = Promise.withResolvers<void>();
  let count = 0;
  made.onEnd(() => {
    count += 1;
    if (count % 100 === 0) ended(count);
    if (count === tasks.length) done();
  });
  const accepted = await Promise.all(
    tasks.map((taskName) =>
      made.accept({ taskName, parameters: [], labels: {}, timeouts: {} }, { principal: 'drain' }),
    ),
  );
  await allEnded;
  return Promise.all(accepted.map(({ run }) => made.get(run.id)));
}

/** Notes the runs in real containers before anybody can look at them. */
function noting(storage: Storage, realRuns: Set<string>): Storage {
  return {
    ...storage,
    createRun: (run, given) => {
      if (run.taskName === realTask.taskName) realRuns.add(run.id);
      return storage.createRun(run, given);
    },
  };
}

function endOf(run: RunRecord): number {
  return 'endedAt' in run ? fromInstant(run.endedAt) : Number.NaN;
}

function refusals({ requests }: Emulator): { throttled: number; refused: number } {
  const throttled = requests.filter(({ status }) => status === 429).length;
  const puts = requests.filter(({ method, status }) => method === 'PUT' && status !== undefined && status >= 400);
  return { throttled, refused: puts.filter(({ status }) => status !== 429).length };
}
