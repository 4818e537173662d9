import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import { hasCode } from './process-state.ts';

/**
 * Puts a copy of the runner script, named by its content, below the directory that the engine sees, and answers with its name. So the
 * script needs no path of its own on the engine's host, and an upgrade does not change what is under way.
 */
export async function publishRunnerScript(script: string, directory: string): Promise<string> {
  const content = await readScript(script);
  const name = `script-runner-${createHash('sha256').update(content).digest('hex').slice(0, 16)}.sh`;
  const target = join(directory, name);
  const there = await stat(target).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
  });
  if (there?.size === content.byteLength) return name;
  await mkdir(directory, { recursive: true });
  const temporary = join(directory, `.${name}.${randomBytes(6).toString('hex')}`);
  await writeFile(temporary, content, { mode: 0o444, flush: true });
  await rename(temporary, target);
  return name;
}

async function readScript(script: string): Promise<Buffer> {
  try {
    return await readFile(script);
  } catch (cause) {
    throw new ErrandError(
      'invalidConfiguration',
      `The runner script ${script} cannot be read: install Errand again, or point to the script with the option runnerScript.`,
      { cause },
    );
  }
}
