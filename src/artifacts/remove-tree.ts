import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, lstat, mkdir, opendir, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { errnoOf, unlessMissing } from './file-errors.ts';

/** Appended to a path: where what was under it is taken apart. */
export const trashSuffix = '.trash';

const batchSize = 64;

/**
 * Removes a tree that somebody hostile has built. It is renamed away first, so that it is gone at once; then each directory found is renamed
 * up to the trash beside the others before it is emptied. So no path ever gets long, however deep the tree was, no symbolic link is ever
 * followed, and nobody who still has the tree mounted can reach the directory that we work in. The parent of `path` must be ours alone.
 * What cannot be removed is named in an `artifactsUnavailable`; the next call tries it again.
 */
export async function removeTree(path: string, { signal }: Cancelable = {}): Promise<void> {
  const trash = path + trashSuffix;
  const prefix = randomBytes(4).toString('hex');
  let moved = 0;
  const freshName = (): string => join(trash, `${prefix}-${(moved += 1)}`);
  const problems: { path: string; error: unknown }[] = [];

  const root = await unlessMissing(lstat(path));
  if (root !== undefined) {
    await mkdir(trash, { mode: 0o700, recursive: true });
    await openUp(path, root);
    await unlessMissing(rename(path, freshName()));
  }
  const left = await unlessMissing(readdir(trash));
  if (left === undefined) return;

  const queue = left.map((name) => join(trash, name));
  for (let item = queue.pop(); item !== undefined; item = queue.pop()) await takeApart(item);
  if (problems.length > 0) throw cannotRemove(trash, problems);
  await tolerate(trash, rmdir(trash));
  if (problems.length > 0) throw cannotRemove(trash, problems);

  async function takeApart(item: string): Promise<void> {
    const stat = await unlessMissing(lstat(item));
    if (stat === undefined) return;
    if (!stat.isDirectory()) return tolerate(item, unlink(item));
    await openUp(item, stat);
    // A listing may leave out an entry while others are being removed, so a directory that is still not empty is listed again.
    for (let passes = 3; passes > 0; passes -= 1) {
      const before = problems.length;
      await tolerate(item, empty(item));
      const isFinal = passes === 1 || problems.length > before;
      if (await tryRemove(item, isFinal)) return;
    }
  }

  /** Without this an owner who is not root can neither move nor list nor empty a directory that is closed. */
  async function openUp(item: string, stat: Stats): Promise<void> {
    if (stat.isDirectory() && (stat.mode & 0o700) !== 0o700) await tolerate(item, chmod(item, 0o700));
  }

  async function tryRemove(item: string, isFinal: boolean): Promise<boolean> {
    try {
      await unlessMissing(rmdir(item));
      return true;
    } catch (error) {
      if (!isFinal && errnoOf(error) === 'ENOTEMPTY') return false;
      await tolerate(item, Promise.reject(error));
      return true;
    }
  }

  async function empty(directory: string): Promise<void> {
    // Names are bytes: not every one is UTF-8.
    const entries = await opendir(Buffer.from(directory), {
      encoding: 'buffer' as BufferEncoding,
      bufferSize: batchSize,
    });
    let batch: Promise<void>[] = [];
    for await (const entry of entries) {
      signal?.throwIfAborted();
      const name = entry.name as unknown as Buffer;
      const found = Buffer.concat([Buffer.from(`${directory}/`), name]);
      batch.push(entry.isDirectory() ? lift(found) : tolerate(found, unlink(found)));
      if (batch.length < batchSize) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
  }

  async function lift(directory: Buffer): Promise<void> {
    const target = freshName();
    try {
      await rename(directory, target);
    } catch (error) {
      if (errnoOf(error) !== 'EACCES') return tolerate(directory, Promise.reject(error));
      // Moving a directory writes its entry for "..", which takes the right to write it.
      await tolerate(
        directory,
        chmod(directory, 0o700).then(() => rename(directory, target)),
      );
    }
    queue.push(target);
  }

  async function tolerate(at: string | Buffer, work: Promise<unknown>): Promise<void> {
    try {
      await unlessMissing(work);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      problems.push({ path: at.toString(), error });
    }
  }
}

function cannotRemove(trash: string, problems: readonly { path: string; error: unknown }[]): ErrandError {
  const [first] = problems;
  return new ErrandError(
    'artifactsUnavailable',
    `What a task left cannot be removed: ${JSON.stringify(first?.path)} (${errnoOf(first?.error)}), ${problems.length} in all. ` +
      `Look at it as root: immutable flags ("chattr -R -i"), mounts ("umount") and files of other users are what keeps it. Errand will try again; or remove ${trash} by hand.`,
    { cause: first?.error },
  );
}
