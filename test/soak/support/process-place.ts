import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { join } from 'node:path';

import { filesystemArtifacts } from '../../../src/artifacts/filesystem.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { forgetfulRunner, runnerScript, writeForgetfulRunner } from '../../promise/broken-parts.ts';
import { soakDirectories } from './soak-directories.ts';
import type { SoakPlace } from './soak-place.ts';
import type { VariantName } from './soak-setting.ts';

/** SQLite and files, tasks as processes of this machine. */
export async function processPlace(variant: VariantName | undefined): Promise<SoakPlace> {
  const directories = await soakDirectories();
  const { data, notes, executions, environment } = directories;
  if (variant === 'noFence') writeForgetfulRunner(notes);
  const script = variant === 'noFence' ? forgetfulRunner(notes) : runnerScript;
  let startedAgain = 0;
  return {
    setting: { place: 'process', data, notes, host: '', variant },
    image: 'busybox',
    tally: executions,
    executions,
    environment,
    open: async () => openLocal(data),
    startAgain: async (runId, attempt) => {
      const box = join(data, 'exchanges', runId, String(attempt), 'box');
      const child = spawn('/bin/sh', [script, box], { stdio: 'ignore', detached: true });
      startedAgain += 1;
      await once(child, 'exit');
    },
    startedAgain: () => startedAgain,
    left: async () => [...globSync('processes/*', { cwd: data }), ...directories.processes()],
    atRest: directories.filesAtRest,
    close: directories.remove,
  };
}

/** What a server on one machine keeps. */
export function openLocal(data: string): Awaited<ReturnType<SoakPlace['open']>> {
  const storage = sqliteStorage({ path: join(data, 'errand.db'), clock: systemClock });
  const artifacts = filesystemArtifacts({ directory: data, clock: systemClock });
  return { storage, artifacts, close: () => storage.close() };
}
