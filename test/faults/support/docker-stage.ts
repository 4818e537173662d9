import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Context } from '../../../src/core/context.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { compose } from '../../../src/entry/compose.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { caseEngine } from '../../crash/support/case-engine.ts';
import type { Write } from '../../promise/evidence.ts';
import { withWrites } from '../../promise/with-writes.ts';
import type { OpenWorld } from './cell.ts';
import { faultProxy } from './fault-proxy.ts';
import { faultPolicy, impatient } from './short-times.ts';
import { taskFiles } from './tasks.ts';
import { dockerWire } from './wires.ts';

const silenceMs = 2_000;

/** SQLite, files, and real containers behind a proxy that every request to the engine goes through. */
export function dockerStage(dockerHost: string): OpenWorld {
  return async ({ injector, variant = {}, policy = {} }) => {
    const directory = await mkdtemp(join(tmpdir(), 'errand-faults-'));
    const tally = join(directory, 'tally');
    const notes = join(tally, 'executions');
    await mkdir(tally);
    await chmod(tally, 0o777);
    await writeFile(notes, '');
    await chmod(notes, 0o666);
    let instanceId = '';
    // Between the faults and the engine: gives every runner the directory in which it notes itself.
    const engine = await caseEngine({
      directory,
      dockerHost,
      tally,
      judge: async () => 'pass',
      isOurs: ({ labels }) => labels['errand.instance'] === instanceId,
    });
    const proxy = await faultProxy({
      wire: dockerWire,
      injector,
      target: engine.survivorHost,
      socketPath: join(directory, 'faulty.sock'),
      silenceMs,
    });
    const config = serverConfig(
      { PATH: process.env['PATH'], ERRAND_DATA_DIR: join(directory, 'data'), DOCKER_HOST: proxy.url },
      { driver: 'docker' },
    );
    const writes: Write[] = [];
    let plain: Context | undefined;
    const errand = await compose(
      { ...config, policy: { ...faultPolicy, ...policy } },
      {
        logger: silentLogger,
        clock: impatient(30_000),
        decorate: (context) => {
          plain = context;
          const { above = same, below = same } = variant;
          return above(withWrites(below(context, directory), (write) => writes.push(write)));
        },
      },
    );
    const ports = plain ?? errand.context;
    ({ instanceId } = ports);
    for (const [name, content] of taskFiles('docker')) await ports.artifacts.put(name, Buffer.from(content));
    // The canary is made here, before anything goes wrong.
    await errand.orchestrator.ready();
    await errand.orchestrator.start();
    return {
      driver: 'docker',
      orchestrator: errand.orchestrator,
      plain: ports,
      injector,
      tally: '/tally/executions',
      notes,
      writes,
      left: async () => [
        ...(await engine.leftovers()),
        ...globSync('exchanges/*/*/box*', { cwd: join(directory, 'data') }),
      ],
      close: async () => {
        await errand.close();
        await proxy.close();
        await engine.close();
        await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      },
    };
  };
}

function same(context: Context): Context {
  return context;
}
