import { join } from 'node:path';

import type { Context } from '../../../src/core/context.ts';
import { processRunner } from '../../../src/runners/process.ts';
import { forgetfulRunner, noRecovery } from '../../promise/broken-parts.ts';
import type { SoakSetting, VariantName } from './soak-setting.ts';

/** Takes one of the things away that Errand's promises rest on. */
export function breakErrand(variant: VariantName, context: Context, setting: SoakSetting): Context {
  const { driver, clock, logger } = context;
  switch (variant) {
    case 'noFence':
      // On Azure the emulator makes its runners forget.
      if (setting.place !== 'process') return context;
      return {
        ...context,
        driver: processRunner({
          directory: join(setting.data, 'processes'),
          runnerScript: forgetfulRunner(setting.notes),
          baseEnvironment: { PATH: process.env['PATH'] ?? '' },
          maximumRunners: driver.capabilities.places[0].runners,
          clock,
          logger,
        }),
      };
    case 'noRecovery':
      return noRecovery(context);
    case 'noRemoval':
      return { ...context, driver: { ...driver, remove: async () => undefined } };
  }
}
