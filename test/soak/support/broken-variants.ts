import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Context } from '../../../src/core/context.ts';
import { packageRoot } from '../../../src/entry/package-root.ts';
import { processRunner } from '../../../src/runners/process.ts';
import type { SoakSetting, VariantName } from './soak-setting.ts';

export const runnerScript = join(packageRoot, 'runner-image', 'script-runner.sh');

/** Takes one of the things away that Errand's promises rest on. */
export function breakErrand(variant: VariantName, context: Context, setting: SoakSetting): Context {
  const { storage, driver, clock, logger } = context;
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
    /** Whoever starts looks after nothing that another has left. */
    case 'noRecovery':
      return { ...context, storage: { ...storage, openRuns: async () => [] } };
    case 'noRemoval':
      return { ...context, driver: { ...driver, remove: async () => undefined } };
  }
}

/** Where {@link writeForgetfulRunner} puts it. */
export function forgetfulRunner(notes: string): string {
  return join(notes, 'forgetful-runner.sh');
}

/** The runner as it is, behind lines that let it forget the fence and remember its ticket: every boot is its first. */
export function writeForgetfulRunner(notes: string): void {
  const forget = `#!/bin/sh
if [ -e "$1/ticket" ]; then cat "$1/ticket" >"$1/kept"; else cat "$1/kept" >"$1/ticket"; fi
rm -f "$1/fence"
`;
  writeFileSync(forgetfulRunner(notes), forget + readFileSync(runnerScript, 'utf8'));
  chmodSync(forgetfulRunner(notes), 0o755);
}
