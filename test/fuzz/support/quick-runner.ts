import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { systemClock } from '../../../src/core/clock.ts';
import type { RunnerDriver, RunnerSpec } from '../../../src/core/ports/runner-driver.ts';
import { scriptedPlatform } from '../../support/scripted-runner.ts';

/** Tasks whose containers run until they are stopped: what comes after them waits. */
export const endlessTasks: readonly string[] = ['Held', 'Reject'];
/** A task whose container is gone before it left a result. */
export const vanishingTask = 'Lost';
/** A file that every other container leaves, beside `$ERRAND_OUTPUT`. */
export const outputFile = 'report.txt';

export interface QuickRunner {
  driver: RunnerDriver;
  /** Runs that a container was asked for. */
  createdFor: ReadonlySet<string>;
  /** Names of containers that are there. */
  left(): string[];
}

/** A platform that notes who asks it for a container. Its containers meet Errand in the real exchange, and end at once. */
export function quickRunner(): QuickRunner {
  const platform = scriptedPlatform(systemClock);
  platform.maximumRunners = 100_000;
  const { driver } = platform;
  const createdFor = new Set<string>();

  function carryOut({ name, runId, taskName, access }: RunnerSpec): void {
    platform.boot(name);
    if (endlessTasks.includes(taskName)) return;
    if (taskName === vanishingTask) platform.vanish(name);
    else if (access.kind === 'directory' && platform.containers.get(name)?.atWork === true) {
      mkdirSync(join(access.exchange, 'outputs'), { recursive: true });
      writeFileSync(join(access.exchange, 'outputs', outputFile), 'all is well\n');
      writeFileSync(join(access.exchange, 'output.json'), '{"well":true}');
      platform.finish(name, 0, { output: true, files: [{ name: outputFile, bytes: 12 }] });
    }
    // What was noted of containers that are gone would be taken for a leak of the server.
    platform.creates.length = 0;
    platform.starts.length = 0;
    platform.exits.clear();
    platform.tell(runId);
  }

  return {
    createdFor,
    left: () => [...platform.containers.keys()],
    driver: {
      ...driver,
      capabilities: driver.capabilities,
      create: async (spec, options) => {
        createdFor.add(spec.runId);
        const created = await driver.create(spec, options);
        setImmediate(() => carryOut(spec));
        return created;
      },
    },
  };
}
