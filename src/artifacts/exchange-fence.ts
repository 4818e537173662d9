import { createHash } from 'node:crypto';
import { access, chmod, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { instant } from '../core/clock.ts';
import type { Fence, OrchestratorFence } from '../core/ports/artifact-store.ts';
import { createFile } from './durable-file.ts';
import type { ExchangePaths } from './exchange-paths.ts';
import { errnoOf, isMissing, unlessMissing } from './file-errors.ts';
import { fenceBytes, fenceText, parseFence } from './fence-text.ts';
import { readFlat } from './flat-file.ts';
import { removeTree } from './remove-tree.ts';

/** The fence that stands, wherever it is now: one that was kept beside the box counts before what somebody may have put into a box that was made anew. */
export async function readFence(paths: ExchangePaths): Promise<Fence | undefined> {
  await reopenBox(paths);
  const kept = (): Promise<Fence | undefined> => fenceAt(paths, paths.fence);
  // It may have been kept, and the box removed, between the two looks.
  return (await kept()) ?? (await fenceAt(paths, join(paths.box, 'fence'))) ?? (await kept());
}

/**
 * Anything under the name of the fence is one: only a runner or its task can have put there what is not ours, so the task may have started.
 * That holds for an orchestrator's fence, too, that no orchestrator has written.
 */
async function fenceAt(paths: ExchangePaths, path: string): Promise<Fence | undefined> {
  const file = await readFlat(path, fenceBytes);
  if (file.kind === 'absent') return undefined;
  if (file.kind === 'read') {
    const text = file.bytes.toString();
    const fence = parseFence(text);
    if (fence !== undefined && (fence.by === 'runner' || (await isThere(paths.seizure(hashOf(text)))))) return fence;
  }
  const stat = await unlessMissing(lstat(path));
  return stat === undefined ? undefined : { by: 'runner', nonce: '', at: instant(stat.mtimeMs) };
}

/** Takes the fence with one link(2), which fails if anything has the name. Makes the exchange where it is missing, so that it can be fenced before it is opened. */
export async function takeFence(
  paths: ExchangePaths,
  fence: OrchestratorFence,
): Promise<{ won: boolean; fence: Fence }> {
  const text = fenceText(fence);
  await mkdir(paths.attempt, { recursive: true, mode: 0o700 });
  await createFile(paths.seizure(hashOf(text)), '', 0o600);
  for (;;) {
    const isDiscarded = await isThere(paths.discarded);
    // The mark comes first: whoever is discarding may not have kept the fence yet.
    await (isDiscarded ? saveFence(paths) : makeBox(paths));
    try {
      await createFile(isDiscarded ? paths.fence : join(paths.box, 'fence'), text, 0o444, paths.attempt);
    } catch (error) {
      // Discarded between the look and the link: then the fence belongs beside the mark.
      if (!isMissing(error) || isDiscarded) throw error;
      continue;
    }
    if (!isDiscarded && (await isThere(paths.discarded))) {
      // The box may be one that we have made anew: its fence counts only where none was kept.
      await saveFence(paths);
      await removeTree(paths.box);
      continue;
    }
    const standing = await readFence(paths);
    if (standing !== undefined)
      return {
        won: fenceText(standing) === text,
        fence: standing,
      };
  }
}

/** Keeps the fence beside the box that is about to go. */
export async function saveFence(paths: ExchangePaths): Promise<void> {
  await reopenBox(paths);
  const fence = await fenceAt(paths, join(paths.box, 'fence'));
  if (fence !== undefined) await createFile(paths.fence, fenceText(fence), 0o600);
}

/** A task with our own user id can close the box to us. Root and strangers need no mending and get none. */
async function reopenBox(paths: ExchangePaths): Promise<void> {
  const stat = await unlessMissing(lstat(paths.box));
  if (stat !== undefined && (stat.mode & 0o777) !== 0o777 && stat.uid === process.getuid?.())
    await unlessMissing(chmod(paths.box, 0o777));
}

async function makeBox(paths: ExchangePaths): Promise<void> {
  try {
    await mkdir(paths.box);
    await chmod(paths.box, 0o777);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

export async function isThere(path: string): Promise<boolean> {
  return (await unlessMissing(access(path).then(() => true))) ?? false;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
