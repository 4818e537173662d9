import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RunnerSpec } from '../../../src/core/ports/runner-driver.ts';
import { processRunner, type ProcessRunnerOptions } from '../../../src/runners/process.ts';

/** A program: creates one runner, says so, and stays until it is killed. */
const { options, spec } = JSON.parse(process.argv[2] ?? '{}') as {
  options: Omit<ProcessRunnerOptions, 'logger' | 'clock'>;
  spec: RunnerSpec;
};
const driver = processRunner({ ...options, logger: silentLogger, clock: systemClock });
await driver.create(spec);
process.stdout.write('created\n');
setInterval(() => undefined, 1000);
