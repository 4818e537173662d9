import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { endProcess, processesOf } from '../../crash/support/processes.ts';
import type { AtRest, SoakPlace } from './soak-place.ts';
import { noteFiles } from './soak-setting.ts';

export interface SoakDirectories extends Pick<SoakPlace, 'executions' | 'environment'> {
  root: string;
  data: string;
  notes: string;
  /** Runners and tasks of the soak; not its orchestrators. */
  processes(): string[];
  filesAtRest(): AsyncGenerator<AtRest>;
  /** Ends what is left, and removes everything. */
  remove(): Promise<void>;
}

/** What every place has on this machine. Containers may have any user, so the tally is open to all. */
export async function soakDirectories(): Promise<SoakDirectories> {
  const root = await mkdtemp(join(tmpdir(), 'errand-soak-'));
  const [data, notes] = [join(root, 'data'), join(root, 'notes')];
  const executions = join(notes, noteFiles.executions);
  await mkdir(data);
  await mkdir(dirname(executions), { recursive: true });
  await chmod(dirname(executions), 0o777);
  await writeFile(executions, '');
  await chmod(executions, 0o666);
  for (const file of [noteFiles.history, noteFiles.log]) await writeFile(join(notes, file), '');
  const mark = `soak-${randomBytes(8).toString('hex')}`;

  const found = (): number[] => [...new Set([...processesOf(root), ...processesOf(mark)])];

  return {
    root,
    data,
    notes,
    executions,
    environment: { SOAK: mark },
    processes: () => found().map((pid) => `process ${pid}`),
    filesAtRest: async function* () {
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
        const place = join(entry.parentPath, entry.name);
        if (entry.isFile()) yield { place, text: await readFile(place, 'latin1') };
      }
    },
    remove: async () => {
      for (const pid of found()) endProcess(pid);
      await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
