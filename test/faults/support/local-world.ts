import { globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Context } from '../../../src/core/context.ts';
import { silentLogger, type Logger } from '../../../src/core/logger.ts';
import type { Policy } from '../../../src/core/policy.ts';
import { compose } from '../../../src/entry/compose.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { endProcess, processesOf } from '../../crash/support/processes.ts';
import type { Write } from '../../promise/evidence.ts';
import { withWrites } from '../../promise/with-writes.ts';
import { faultPolicy, impatient } from './short-times.ts';
import { withFaultyPorts } from './faulty-ports.ts';
import type { Injector } from './injector.ts';
import { taskFiles } from './tasks.ts';
import type { Variant } from './variants.ts';
import type { World } from './world.ts';

export interface LocalWorldOptions {
  injector: Injector;
  variant?: Variant | undefined;
  policy?: Partial<Policy> | undefined;
  logger?: Logger;
}

/** SQLite, files and processes, with faults at every port. */
export async function localWorld({
  injector,
  variant = {},
  policy = {},
  logger = silentLogger,
}: LocalWorldOptions): Promise<World & { plain: Context }> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-faults-'));
  const notes = join(directory, 'executions');
  await writeFile(notes, '');
  const config = serverConfig(
    { PATH: process.env['PATH'], ERRAND_DATA_DIR: join(directory, 'data'), ERRAND_DRIVER: 'process' },
    { driver: 'process' },
  );
  const { below = same, above = same } = variant;
  const writes: Write[] = [];
  let plain: Context | undefined;
  const errand = await compose(
    { ...config, policy: { ...faultPolicy, ...policy } },
    {
      logger,
      clock: impatient(2_000),
      decorate: (context) => {
        plain = context;
        const faulty = withFaultyPorts(
          withWrites(below(context, directory), (write) => writes.push(write)),
          {
            injector,
            silenceMs: 700,
            stale: 'earlier',
          },
        );
        return above(faulty);
      },
    },
  );
  const ports = plain ?? errand.context;
  for (const [name, content] of taskFiles('process')) await ports.artifacts.put(name, Buffer.from(content));
  await errand.orchestrator.start();
  return {
    driver: 'process',
    orchestrator: errand.orchestrator,
    plain: ports,
    injector,
    tally: notes,
    notes,
    writes,
    left: async () => [
      ...processesOf(directory).map((pid) => `process ${pid}`),
      ...globSync(['processes/*', 'exchanges/*/*/box*'], { cwd: join(directory, 'data') }),
    ],
    close: async () => {
      await errand.close();
      for (const pid of processesOf(directory)) endProcess(pid);
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

function same(context: Context): Context {
  return context;
}
