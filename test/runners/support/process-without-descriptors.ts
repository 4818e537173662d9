import { closeSync, openSync } from 'node:fs';

import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RunnerSpec } from '../../../src/core/ports/runner-driver.ts';
import { processRunner } from '../../../src/runners/process.ts';

/** Creates one runner where so few descriptors are free that files can be written, and no process started. Says the name of the error. */
const { options, spec } = JSON.parse(process.argv[2] ?? '') as {
  options: { directory: string; runnerScript: string; maximumRunners: number };
  spec: RunnerSpec;
};
const driver = processRunner({ ...options, logger: silentLogger, clock: systemClock });
const taken: number[] = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch (error) {
  if (!(error instanceof Error && 'code' in error && error.code === 'EMFILE')) throw error;
}
for (const descriptor of taken.splice(0, 2)) closeSync(descriptor);
const failure = await driver.create(spec).then(
  () => 'none',
  (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
);
for (const descriptor of taken) closeSync(descriptor);
process.stdout.write(`${failure}\n`);
