// Figures of the README, each as a ratio against a floor measured in the same run: npm run bench
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type Docker from 'dockerode';
import { dockerClient } from '../scripts/docker-client.ts';
import { ensureDocker } from '../scripts/docker-engine.ts';
import { buildImages } from '../scripts/images.ts';
import { silentLogger } from '../src/core/logger.ts';
import { compose, type Errand } from '../src/entry/compose.ts';
import { serverConfig } from '../src/entry/config.ts';
import { compare } from './figures.ts';

const image = 'errand-minimal:local';
const asker = { principal: 'bench' };
const nothing = { taskName: 'Nothing', parameters: [], labels: {}, timeouts: {} };
const log = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The least that a fresh container per request can cost: create, start, wait, remove. */
async function bareContainer(docker: Docker): Promise<void> {
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: ['/bin/true'],
    HostConfig: { Init: true },
  });
  const ended = container.wait({ condition: 'next-exit' });
  await container.start();
  await ended;
  await container.remove();
}

async function oneRun({ orchestrator }: Errand): Promise<void> {
  const { run } = await orchestrator.accept(nothing, asker);
  const ended = await orchestrator.waitForEnd(run.id, 60_000, new AbortController().signal);
  if (ended.state !== 'succeeded') throw new Error(`run ${run.id} is ${ended.state}`);
}

/** From the request to the recorded success, one after the other, alternating with the floor. */
async function startLatency(errand: Errand, docker: Docker, samples: number): Promise<string> {
  const floor: number[] = [];
  const ours: number[] = [];
  for (let index = -2; index < samples; index += 1) {
    const bare = await timed(() => bareContainer(docker));
    const run = await timed(() => oneRun(errand));
    // The first rounds warm caches on both sides.
    if (index >= 0) {
      floor.push(bare);
      ours.push(run);
    }
  }
  return compare('a run from request to recorded success, against a bare container', floor, ours);
}

/** What a 202 promises is on the disk: against one committed row in the same kind of database. */
async function acceptLatency(errand: Errand, directory: string, samples: number): Promise<string> {
  const database = new DatabaseSync(join(directory, 'floor.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x TEXT)');
  const insert = database.prepare('INSERT INTO t VALUES (?)');
  const row = 'x'.repeat(2_000);
  const floor: number[] = [];
  const ours: number[] = [];
  for (let index = 0; index < samples; index += 1) {
    floor.push(await timed(() => Promise.resolve(insert.run(row))));
    // The task is at its limit, so that accepting alone is measured and nothing starts.
    ours.push(await timed(() => errand.orchestrator.accept({ ...nothing, taskName: 'Waiting' }, asker)));
  }
  database.close();
  return compare('an accepted request, against one committed row', floor, ours);
}

async function main(): Promise<void> {
  const engine = await ensureDocker({ log });
  if (engine.kind === 'unavailable') throw new Error(`no figures without Docker: ${engine.reason}`);
  const directory = mkdtempSync(join(tmpdir(), 'errand-bench-'));
  try {
    const docker = dockerClient(engine.dockerHost);
    await buildImages(docker, { log });
    const config = serverConfig(
      { ...process.env, DOCKER_HOST: engine.dockerHost, ERRAND_DATA_DIR: directory, ERRAND_DRIVER: 'docker' },
      { driver: 'docker' },
    );
    const errand = await compose(config, { logger: silentLogger });
    await errand.orchestrator.ready();
    await errand.orchestrator.start();
    const executable = Buffer.from('#!/bin/sh\nexit 0\n');
    const definition = { dockerImage: image, scriptName: 'nothing.sh' };
    await errand.orchestrator.definitions.store('Nothing', { ...definition, taskName: 'Nothing' }, executable, {});
    await errand.orchestrator.definitions.store(
      'Waiting',
      { ...definition, taskName: 'Waiting', scriptName: 'sleep.sh', concurrency: { limit: 1 } },
      Buffer.from('#!/bin/sh\nsleep 600\n'),
      {},
    );
    log(await startLatency(errand, docker, 20));
    const { run } = await errand.orchestrator.accept({ ...nothing, taskName: 'Waiting' }, asker);
    log(await acceptLatency(errand, directory, 200));
    for (const { id } of await errand.context.storage.openRuns({ limit: 1_000 }))
      await errand.orchestrator.cancel(id, 'bench');
    await errand.orchestrator.waitForEnd(run.id, 60_000, new AbortController().signal);
    while ((await errand.context.storage.openRuns({ limit: 1 })).length > 0) await errand.context.clock.sleep(100);
    await errand.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await engine.stop();
  }
}

await main();
