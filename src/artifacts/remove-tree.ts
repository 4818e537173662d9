import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { errnoOf, isMissing } from './file-errors.ts';

/** Appended to a path: where what was under it is taken apart. */
export const trashSuffix = '.trash';

/** Calls between two pauses, so that the event loop is never kept for longer than some milliseconds. */
const callsPerTurn = 100;

/** How often the trash is listed again where it has filled up meanwhile: two orchestrators at once need two or three. */
const mostRounds = 50;

/**
 * Removes a tree that somebody hostile has built. It is renamed away first, so that it is gone at once; then each directory found is renamed
 * up to the trash beside the others before it is emptied. So no path ever gets long, however deep the tree was, no symbolic link is ever
 * followed, and nobody who still has the tree mounted can reach the directory that we work in. The parent of `path` must be ours alone.
 * What cannot be removed is named in an `artifactsUnavailable`; the next call tries it again.
 *
 * The calls are synchronous, with pauses: 10,000 levels cost 0.4 s of processor time, and 1.5 s with each call sent through the thread pool.
 */
export async function removeTree(path: string, { signal }: Cancelable = {}): Promise<void> {
  const trash = path + trashSuffix;
  const prefix = randomBytes(4).toString('hex');
  const problems: { path: string; error: unknown }[] = [];
  let moved = 0;
  let calls = 0;

  const root = lstatSync(path, { throwIfNoEntry: false });
  if (root !== undefined) {
    mkdirSync(trash, { mode: 0o700, recursive: true });
    openUp(path, root);
    ifThere(() => renameSync(path, freshName()));
  }
  const queue: string[] = [];
  // Somebody who removes the same tree at the same time moves directories up as well, after we have listed them.
  for (let rounds = mostRounds; rounds > 0; rounds -= 1) {
    queue.push(...(ifThere(() => readdirSync(trash)) ?? []).map((name) => join(trash, name)));
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await takeApart(item);
    if (problems.length > 0 || tryRemove(trash, rounds === 1)) break;
  }
  if (problems.length > 0) throw cannotRemove(trash, problems);

  async function takeApart(item: string): Promise<void> {
    const stat = lstatSync(item, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isDirectory()) return tolerate(item, () => unlinkSync(item));
    openUp(item, stat);
    // A listing may leave out an entry while others are being removed, so a directory that is still not empty is listed again.
    for (let passes = 3; passes > 0; passes -= 1) {
      const before = problems.length;
      await empty(item);
      if (tryRemove(item, passes === 1 || problems.length > before)) return;
    }
  }

  async function empty(directory: string): Promise<void> {
    // Names are bytes: not every one is UTF-8.
    const options = { encoding: 'buffer' as BufferEncoding };
    const entries = tolerate(directory, () => opendirSync(Buffer.from(directory), options));
    if (entries === undefined) return;
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        const found = Buffer.concat([Buffer.from(`${directory}/`), entry.name as unknown as Buffer]);
        if (entry.isDirectory()) lift(found);
        else tolerate(found, () => unlinkSync(found));
        await pause();
      }
    } finally {
      entries.closeSync();
    }
  }

  function lift(directory: Buffer): void {
    const target = freshName();
    tolerate(directory, () => {
      try {
        renameSync(directory, target);
      } catch (error) {
        if (errnoOf(error) !== 'EACCES') throw error;
        // Moving a directory writes its entry for "..", which takes the right to write it.
        chmodSync(directory, 0o700);
        renameSync(directory, target);
      }
      queue.push(target);
    });
  }

  /** Without this an owner who is not root can neither move nor list nor empty a directory that is closed. */
  function openUp(item: string, stat: Stats): void {
    if (stat.isDirectory() && (stat.mode & 0o700) !== 0o700) tolerate(item, () => chmodSync(item, 0o700));
  }

  function tryRemove(item: string, isFinal: boolean): boolean {
    try {
      ifThere(() => rmdirSync(item));
    } catch (error) {
      if (!isFinal && errnoOf(error) === 'ENOTEMPTY') return false;
      note(item, error);
    }
    return true;
  }

  function tolerate<T>(at: string | Buffer, work: () => T): T | undefined {
    try {
      return ifThere(work);
    } catch (error) {
      note(at, error);
      return undefined;
    }
  }

  function note(at: string | Buffer, error: unknown): void {
    if (errnoOf(error) === undefined) throw error;
    problems.push({ path: at.toString(), error });
  }

  function freshName(): string {
    moved += 1;
    return join(trash, `${prefix}-${moved}`);
  }

  async function pause(): Promise<void> {
    calls += 1;
    if (calls % callsPerTurn !== 0) return;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
}

function ifThere<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
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
