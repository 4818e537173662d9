import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { RunnerDriver } from '../core/ports/runner-driver.ts';
import { dockerRunner } from '../runners/docker.ts';
import { environment, serverConfig } from './config.ts';

/** Containers of the Docker engine that the environment names, which reach their exchanges in Blob storage by signed URLs. */
export function dockerOnAzureStorage(options: { logger: Logger; clock: Clock; runnerScript: string }): RunnerDriver {
  const { docker, maximumRunners } = serverConfig({ ...environment, ERRAND_DRIVER: 'docker' }, { driver: 'docker' });
  const directory = join(tmpdir(), 'errand-docker');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return dockerRunner({
    ...options,
    connection: docker.connection,
    directory,
    engineDirectory: undefined,
    dockerConfigDirectory: docker.configDirectory,
    exchanges: ['signedUrls'],
    maximumRunners,
  });
}
