import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { monotonicFactory } from 'ulid';
import { instantEngine, startEmulator, type Emulator } from '../../emulator/server.ts';
import { filesystemArtifacts } from '../../src/artifacts/filesystem.ts';
import { fromInstant } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { orchestrator } from '../../src/core/orchestrator.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import { sealer } from '../../src/core/seal.ts';
import { timerQueue } from '../../src/queues/timer.ts';
import { azureContainerInstances } from '../../src/runners/azure-container-instances.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { leapingClock } from './leaping-clock.ts';
import { leastDrainMs } from './least-drain.ts';
import { playRunner, signedFiles } from './signed-files.ts';

export interface DrainOptions {
  runs: number;
  /** Of each task. */
  taskMs: number;
  logger: Logger;
  /** Told now and then what has ended, and in which hour. */
  progress?: (line: string) => void;
}

export interface DrainReport {
  runs: number;
  succeeded: number;
  /** Attempts beyond the first of a run, whatever for. */
  repeated: number;
  throttled: number;
  /** Creates that the platform refused for its quota, or for any other reason but 429. */
  refused: number;
  starts: number;
  drainMs: number;
  leastMs: number;
  ratio: number;
  /** Of this machine. */
  tookMs: number;
  /** Looks at the storage per run, over all. */
  reads: number;
}

const pendingMs = 1_000;
const pullMs = 3_000;
const regions = ['West US', 'North Europe'] as const;
/** As the service publishes them, written down here once more: what is measured must not be its own measure. */
const published = {
  runners: 100,
  rates: [
    { count: 300, perMs: 3_600_000 },
    { count: 100, perMs: 300_000 },
  ],
} as const;

/** Many runs at once against two regions of an emulated subscription, by the real orchestrator and the real driver. */
export async function drain({ runs, taskMs, logger, progress = () => undefined }: DrainOptions): Promise<DrainReport> {
  const began = performance.now();
  const directory = await mkdtemp(join(tmpdir(), 'errand-drain-'));
  const clock = leapingClock();
  let starts = 0;
  const emulator = await startEmulator({
    clock,
    switches: { pendingMs, pullMs },
    engine: instantEngine({
      behaviour: ({ environment, group, signal }) => {
        starts += 1;
        const nonce = `${group.name}-${starts}`;
        return { effect: () => playRunner(environment, { clock, runMs: taskMs, nonce, signal }) };
      },
    }),
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
  let reads = 0;
  const sqlite = sqliteStorage({ path: join(directory, 'errand.db'), clock, logger });
  const storage = {
    ...sqlite,
    getRun: ((id, given) => ((reads += 1), sqlite.getRun(id, given))) as typeof sqlite.getRun,
  };
  const ulid = monotonicFactory();
  const made = orchestrator({
    storage,
    artifacts: signedFiles(filesystemArtifacts({ directory, clock, logger })),
    queue: timerQueue({ clock, logger }),
    driver,
    clock,
    logger,
    policy: defaultPolicy,
    sealer: sealer(Buffer.alloc(32, 7)),
    readSecret: () => Promise.reject(new Error('no secrets here')),
    instanceId: await storage.instanceId(),
    owner: 'drain',
    namePrefix: 'errand',
    newId: () => ulid(clock.now()).toLowerCase(),
    random: Math.random,
  });

  try {
    const task = { taskName: 'Instant', dockerImage: 'instant:1', scriptName: 'instant.sh' };
    await made.definitions.store('Instant', task, Buffer.from('#!/bin/sh\n'), {});
    const ended = new Set<string>();
    const { promise: allEnded, resolve: done } = Promise.withResolvers<void>();
    await made.start();
    const submittedAt = clock.now();
    made.onEnd(({ id }) => {
      ended.add(id);
      if (ended.size % 100 === 0) {
        const minutes = ((clock.now() - submittedAt) / 60_000).toFixed(1);
        progress(
          `${ended.size} ended after ${minutes} emulated minutes, ${Math.round((performance.now() - began) / 1000)} s here`,
        );
      }
      if (ended.size === runs) done();
    });
    const request = { taskName: 'Instant', parameters: [], labels: {}, timeouts: {} };
    const accepted = await Promise.all(
      Array.from({ length: runs }, () => made.accept(request, { principal: 'drain' })),
    );
    progress(`${runs} accepted after ${Math.round(clock.now() - submittedAt)} emulated ms`);
    await allEnded;
    const records = await Promise.all(accepted.map(({ run }) => made.get(run.id)));
    const drainMs = Math.max(...records.map(endOf)) - submittedAt;
    for (const r of emulator.requests.filter(({ method }) => method === 'PUT' || method === 'DELETE')) progress(`REQ ${r.method} ${((r.at - submittedAt) / 1000).toFixed(2)} ${r.status}`);
    const leastMs = leastDrainMs(runs, regions.length, pendingMs + pullMs + taskMs, published);
    return {
      runs,
      succeeded: records.filter(({ state }) => state === 'succeeded').length,
      repeated: records.reduce((sum, { attempts }) => sum + attempts.length - 1, 0),
      ...refusals(emulator),
      starts,
      drainMs,
      leastMs,
      ratio: drainMs / leastMs,
      tookMs: performance.now() - began,
      reads,
    };
  } finally {
    await made.close();
    await driver.close();
    await storage.close();
    clock.stop();
    await emulator.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function endOf(run: RunRecord): number {
  return 'endedAt' in run ? fromInstant(run.endedAt) : Number.NaN;
}

function refusals({ requests }: Emulator): { throttled: number; refused: number } {
  const throttled = requests.filter(({ status }) => status === 429).length;
  const puts = requests.filter(({ method, status }) => method === 'PUT' && status !== undefined && status >= 400);
  return { throttled, refused: puts.filter(({ status }) => status !== 429).length };
}
