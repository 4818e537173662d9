import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { ServerConfig } from '../config.ts';
import { apiKeysFileStep } from './api-keys-file.ts';
import { clockStep } from './clock-skew.ts';
import { dataDirectoryStep } from './data-directory.ts';
import type { Step } from './finding.ts';
import { databaseStep, openRunsStep, webhooksStep } from './run-database.ts';
import { dockerTime, runnerStep } from './runner-step.ts';
import { secretKeyStep } from './secret-key.ts';

/** What a server on one machine needs: SQLite, a directory, and a place to run tasks. */
export function localSteps(
  config: ServerConfig,
  { clock, secretKeyFile }: { clock: Clock; secretKeyFile: string | undefined },
): Step[] {
  const { dataDirectory, host, apiKeysFile: file } = config;
  const database = join(dataDirectory, 'errand.db');
  const runners = runnerStep(config, clock);
  return [
    dataDirectoryStep(dataDirectory),
    databaseStep(database),
    openRunsStep(database, clock),
    webhooksStep(database),
    secretKeyStep({ key: config.secretKey, keyFile: secretKeyFile, dataDirectory }),
    apiKeysFileStep({ file, host, clock }),
    runners,
    ...(config.driver === 'docker'
      ? [{ ...clockStep([dockerTime(config, clock)], clock), needs: [runners.name] }]
      : []),
  ];
}
