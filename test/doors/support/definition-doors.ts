import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ErrandApiError, type Client } from '../../../src/client/client.ts';
import type { ProblemDetails } from '../../../src/contract/errors.ts';
import { pushCommand } from '../../../src/entry/commands/push.ts';
import { runCommand } from './captured-command.ts';
import { documentOf, scriptName, type Question } from './question.ts';
import { acceptedCode, refused, type Verdict } from './verdict.ts';

const script = '#!/bin/sh\n';
const stored: Verdict = { code: acceptedCode, problems: [], messages: [], parameters: undefined };
const whole = ({ path }: { path: string }): string => path;

/** `PUT /api/tasks/{name}` with the executable. */
export async function pushByApi(client: Client, taskName: string, question: Question): Promise<Verdict> {
  try {
    await client.push(taskName, documentOf(taskName, question), { executable: new Blob([script]) });
    return stored;
  } catch (error) {
    if (!(error instanceof ErrandApiError) || error.details === undefined) throw error;
    return refused(error.details.code, error.details.problems ?? [], whole);
  }
}

/** `errand push <folder> --json`. */
export async function pushByCli(url: string, taskName: string, question: Question): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-door-'));
  try {
    const folder = join(directory, 'task');
    await mkdir(folder);
    await writeFile(join(folder, `${taskName}.json`), JSON.stringify(documentOf(taskName, question)));
    await writeFile(join(folder, scriptName), script, { mode: 0o755 });
    const environment = { ERRAND_URL: url };
    const { exitCode, records } = await runCommand(pushCommand, [folder, '--json'], { environment });
    if (exitCode === 0) return stored;
    const { code, problems = [] } = records[0] as Pick<ProblemDetails, 'code' | 'problems'>;
    return refused(code, problems, whole);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
