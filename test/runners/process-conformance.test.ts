import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runnerDriverConformance } from '../../src/testing/runner-driver-conformance.ts';
import { processRunner } from '../../src/runners/process.ts';
import { processHarness } from './support/process-harness.ts';

runnerDriverConformance({ describe, test, expect }, 'process', async () => {
  const harness = await processHarness();
  const { driver, prepare, starts, instanceId, options, dispose } = harness;
  return {
    driver,
    second: processRunner(options),
    instanceId,
    prepare,
    starts,
    occupy: async (name) => {
      const path = join(options.directory, name);
      await mkdir(path, { recursive: true });
      await writeFile(join(path, 'theirs'), 'kept');
      return {
        untouched: async () =>
          (await readdir(path)).length === 1 && (await readFile(join(path, 'theirs'), 'utf8')) === 'kept',
      };
    },
    dispose,
  };
});
