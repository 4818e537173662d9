import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { dockerRunner, type DockerRunnerOptions } from '../../../src/runners/docker.ts';

/** A program: checks the driver whose options are its argument, and prints what came of it. */
const given = JSON.parse(process.argv[2] ?? '{}') as Omit<DockerRunnerOptions, 'logger' | 'clock'>;
const driver = dockerRunner({ ...given, logger: silentLogger, clock: systemClock });
try {
  await driver.check();
  process.stdout.write(JSON.stringify({ ok: true }));
} catch (error) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  process.stdout.write(JSON.stringify({ code, message: String(error) }));
}
await driver.close();
