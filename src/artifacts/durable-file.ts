import { randomBytes } from 'node:crypto';
import { link, lstat, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, isMissing, unlessMissing } from './file-errors.ts';

/** Begins the names of files that are being written. What a crash leaves is removed after a while. */
export const unfinishedPrefix = '.unfinished-';

/** Of a file that others take away while it is being written. */
const mostTries = 10;

export function unfinishedName(): string {
  return unfinishedPrefix + randomBytes(8).toString('hex');
}

/** Replaces `target` so that after a power cut it is the old file or the new one, whole. */
export async function replaceFile(target: string, bytes: Uint8Array | string, mode: number): Promise<void> {
  const unfinished = await writeUnfinished(dirname(target), bytes, mode);
  await rename(unfinished, target);
  await syncDirectory(dirname(target));
}

/**
 * Makes `target` if nothing is there, whatever it may be, whole from its first moment. False where something is. `directory` is where the
 * unfinished file is: on the same file system, out of reach for those who can write beside the target.
 */
export async function createFile(
  target: string,
  bytes: Uint8Array | string,
  mode: number,
  directory = dirname(target),
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    const unfinished = await writeUnfinished(directory, bytes, mode);
    try {
      await link(unfinished, target);
      await syncDirectory(dirname(target));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      // Taken by somebody who cleans up here: see removeUnfinished.
      const isTaken = isMissing(error) && (await unlessMissing(lstat(unfinished))) === undefined;
      if (!isTaken || tries === mostTries) throw error;
    } finally {
      await unlessMissing(unlink(unfinished));
    }
  }
}

/** A synced file under a name of its own, for a rename or link under a lock. */
export async function writeUnfinished(directory: string, bytes: Uint8Array | string, mode: number): Promise<string> {
  const path = join(directory, unfinishedName());
  const handle = await open(path, 'wx', mode);
  try {
    await handle.writeFile(bytes);
    // The umask may have taken bits of the mode away.
    await handle.chmod(mode);
    await handle.sync();
  } catch (error) {
    await unlessMissing(unlink(path));
    throw error;
  } finally {
    await handle.close();
  }
  return path;
}

/** Removes what writers left in a directory who died on their way. One who is still there finds that it is gone, and fails or begins anew. */
export async function removeUnfinished(directory: string): Promise<void> {
  for (const name of (await unlessMissing(readdir(directory))) ?? [])
    if (name.startsWith(unfinishedPrefix)) await rm(join(directory, name), { recursive: true, force: true });
}

/** Makes names in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
