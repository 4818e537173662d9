import { join } from 'node:path';

import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RunnerDriver } from '../../../src/core/ports/runner-driver.ts';
import { processRunner, type ProcessRunnerOptions } from '../../../src/runners/process.ts';
import { standInRunner, type StandInRunner } from '../../support/stand-in-runner.ts';

export interface ProcessHarness extends StandInRunner {
  options: ProcessRunnerOptions;
  driver: RunnerDriver;
}

/** A driver with stand-in runners; `dispose` ends every process of it. */
export async function processHarness(changes: Partial<ProcessRunnerOptions> = {}): Promise<ProcessHarness> {
  const runners = await standInRunner('none:local');
  const options: ProcessRunnerOptions = {
    directory: join(runners.root, 'processes'),
    runnerScript: runners.runnerScript,
    maximumRunners: 10,
    logger: silentLogger,
    clock: systemClock,
    ...changes,
  };
  const driver = processRunner(options);
  return {
    ...runners,
    options,
    driver,
    async dispose() {
      for await (const { name } of driver.list({ instanceId: runners.instanceId })) await driver.remove(name);
      await driver.close();
      await runners.dispose();
    },
  };
}
