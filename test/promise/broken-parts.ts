import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Context } from '../../src/core/context.ts';
import { packageRoot } from '../../src/entry/package-root.ts';

export const runnerScript = join(packageRoot, 'runner-image', 'script-runner.sh');

/** Writes whatever the stored version is. The pause makes the window as wide as on a slower disk. */
export function noCompareAndSwap(context: Context): Context {
  const { storage, clock } = context;
  return {
    ...context,
    storage: {
      ...storage,
      updateRun: async (run, options) => {
        await clock.sleep(20);
        for (let version = run.version; ;) {
          if (await storage.updateRun({ ...run, version }, options)) return true;
          const stored = await storage.getRun(run.id, options);
          if (stored === undefined) return false;
          version = stored.version + 1;
        }
      },
    },
  };
}

/** Whoever starts looks after nothing that another has left. */
export function noRecovery(context: Context): Context {
  return { ...context, storage: { ...context.storage, openRuns: async () => [] } };
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
  writeFileSync(forgetfulRunner(notes), forget + readFileSync(runnerScript, 'utf8'), { mode: 0o755 });
}
