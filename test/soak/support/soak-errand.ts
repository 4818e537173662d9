import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Context } from '../../../src/core/context.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { azureConfig } from '../../../src/entry/azure-config.ts';
import { composeAzure } from '../../../src/entry/compose-azure.ts';
import { compose, type ComposeOptions, type Errand } from '../../../src/entry/compose.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { resourceGroup, shortAzureDriver, subscriptionId } from '../../crash/support/azure-driver.ts';
import { withWrites } from '../../promise/with-writes.ts';
import { breakErrand } from './broken-variants.ts';
import { noteFiles, soakPolicy, type SoakSetting } from './soak-setting.ts';

const runners = 24;

/** Errand as it is shipped, with shorter times. */
export async function openSoakErrand(setting: SoakSetting): Promise<Errand> {
  const { place, data, host, azure, variant } = setting;
  const history = join(setting.notes, noteFiles.history);
  const decorate = (context: Context): Context =>
    withWrites(variant === undefined ? context : breakErrand(variant, context, setting), (write) =>
      appendFileSync(history, `${JSON.stringify(write)}\n`),
    );
  const options: ComposeOptions = { logger: soakLogger(setting), decorate };
  if (place !== 'instant') {
    const environment = {
      PATH: process.env['PATH'],
      ERRAND_DATA_DIR: data,
      ERRAND_MAX_RUNNERS: String(place === 'docker' ? runners / 3 : runners),
      ...(host === '' ? {} : { DOCKER_HOST: host }),
    };
    return compose({ ...serverConfig(environment, { driver: place }), policy: soakPolicy }, options);
  }
  const config = azureConfig({
    ...azure,
    ERRAND_SUBSCRIPTION_ID: subscriptionId,
    ERRAND_RESOURCE_GROUP: resourceGroup,
    ERRAND_ARM_ENDPOINT: host,
  });
  return composeAzure(
    { ...config, policy: soakPolicy },
    {
      ...options,
      decorate: (context) => decorate({ ...context, driver: shortAzureDriver({ dockerHost: host }, context) }),
    },
  );
}

/** What it had to say, in a file that all of them share. */
export function soakLogger({ notes }: Pick<SoakSetting, 'notes'>): Logger {
  const path = join(notes, noteFiles.log);
  const write = (level: string) => (details: object, message: string) => {
    const err = 'err' in details ? details.err : undefined;
    const cause = err instanceof Error ? ` (${err.stack ?? err.message})` : '';
    appendFileSync(path, `${process.pid} ${level} ${message}${cause} ${JSON.stringify(details)}\n`);
  };
  return { debug: () => undefined, info: () => undefined, warn: write('warn'), error: write('error') };
}
