import { access, constants, mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesText } from '../terminal/time-text.ts';
import { fail, messageOf, ok, warn, type Said, type Step } from './finding.ts';

/** One log at its default cap, and as much again for the rest. */
const leastBytes = 128 * 1024 * 1024;
const fewBytes = 1024 * 1024 * 1024;

/** That the data directory can be written, is nobody else's, and has room. Makes nothing that stays. */
export function dataDirectoryStep(directory: string): Step {
  return {
    name: 'data directory',
    look: async () => {
      const found = await nearest(directory);
      if (found === undefined || !found.isDirectory)
        return [
          fail(
            `${directory} is no directory, and cannot become one (${found?.path ?? directory} is in the way)`,
            'Set ERRAND_DATA_DIR to a directory that this user may write.',
          ),
        ];
      if (found.path !== directory) return [await absentSaid(directory, found.path), ...(await room(found.path))];
      const written = await writable(directory);
      if (written.level === 'fail') return [written];
      const open = await openToOthers(directory);
      return [...(open.length === 0 ? [written] : open), ...(await room(directory))];
    },
  };
}

async function absentSaid(directory: string, above: string): Promise<Said> {
  try {
    await access(above, constants.W_OK | constants.X_OK);
    return ok(`${directory} is not there yet; the first start makes it`);
  } catch (error) {
    return fail(
      `${directory} is not there and cannot be made (${messageOf(error)})`,
      'Set ERRAND_DATA_DIR to a directory that this user may write, or make it and give it to the user that Errand runs as.',
    );
  }
}

async function writable(directory: string): Promise<Said> {
  try {
    const probe = await mkdtemp(join(directory, '.doctor-'));
    try {
      await writeFile(join(probe, 'probe'), 'Errand may write here.\n', { flush: true });
    } finally {
      await rm(probe, { recursive: true, force: true });
    }
    return ok(`${directory} can be written`);
  } catch (error) {
    return fail(
      `${directory} cannot be written (${messageOf(error)})`,
      'Give it to the user that Errand runs as ("chown -R"), put it on a disk that is writable, or set ERRAND_DATA_DIR to another.',
    );
  }
}

async function openToOthers(directory: string): Promise<Said[]> {
  const { mode, uid } = await stat(directory);
  const said: Said[] = [];
  if ((mode & 0o077) !== 0)
    said.push(
      warn(
        `${directory} has mode ${octal(mode)}: others on this machine can look into it, and logs, outputs and the key that seals secrets are there`,
        `chmod 700 ${directory}`,
      ),
    );
  const own = process.getuid?.();
  if (own !== undefined && own !== uid)
    said.push(
      warn(
        `${directory} belongs to user ${uid}, and this is user ${own}`,
        'Run this as the user that Errand runs as: what it finds about rights holds for that user alone.',
      ),
    );
  return said;
}

async function room(path: string): Promise<Said[]> {
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const what = `${bytesText(free)} are free on its disk`;
  if (free < leastBytes) return [fail(what, 'Free some space: without it runs are refused and logs are lost.')];
  if (free < fewBytes)
    return [warn(what, 'Free some space, or keep ended runs for fewer days: ERRAND_KEEP_DAYS, ERRAND_LOG_MAX_BYTES.')];
  return [ok(what)];
}

/** The path itself, or what there is of it. */
export async function nearest(path: string): Promise<{ path: string; isDirectory: boolean } | undefined> {
  try {
    return { path, isDirectory: (await stat(path)).isDirectory() };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if ((code !== 'ENOENT' && code !== 'ENOTDIR') || dirname(path) === path) return undefined;
    return nearest(dirname(path));
  }
}

export function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}
