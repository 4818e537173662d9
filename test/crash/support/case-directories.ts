import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { noteFiles } from './crash-case.ts';
import { linesOf } from './evidence.ts';

/** Where one case keeps its files. */
export interface CaseDirectories {
  root: string;
  /** Errand's. */
  data: string;
  /** What the harness counts by itself. */
  notes: string;
  /** Below the notes; user code notes its executions here, whatever user it is. */
  tally: string;
  /** Points of an earlier life are forgotten; the answers that it gave were given. */
  forgetPoints(): Promise<void>;
  remove(): Promise<void>;
}

export async function caseDirectories(): Promise<CaseDirectories> {
  const root = await mkdtemp(join(tmpdir(), 'errand-crash-'));
  const data = join(root, 'data');
  const notes = join(root, 'notes');
  const executions = join(notes, noteFiles.executions);
  const tally = dirname(executions);
  await mkdir(data);
  await mkdir(tally, { recursive: true });
  await chmod(tally, 0o777);
  await writeFile(executions, '');
  await chmod(executions, 0o666);
  return {
    root,
    data,
    notes,
    tally,
    forgetPoints: async () => {
      const path = join(notes, noteFiles.points);
      const answers = linesOf(path).filter((line) => line.startsWith('#'));
      await writeFile(path, answers.map((line) => `${line}\n`).join(''));
    },
    remove: () => rm(root, { recursive: true, force: true, maxRetries: 3 }),
  };
}
