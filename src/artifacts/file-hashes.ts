import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';

export interface FileHashes {
  /** SHA-256 (hex), size and time of change of an open file, all of one moment. */
  of(handle: FileHandle, signal?: AbortSignal): Promise<{ sha256: string; bytes: number; modifiedAtMs: number }>;
}

const remembered = 10_000;
const chunkBytes = 1024 * 1024;

/** Time stamps move in ticks of some milliseconds, so a file can change twice within one: a hash is remembered once the stamp is older than this. */
const settledMs = 2_000;

/** Hashes of files, remembered as long as inode, size and the time stamps stay as they are: the time of change cannot be set back by hand. */
export function fileHashes(clock: Clock): FileHashes {
  const known = new Map<string, string>();

  return {
    async of(handle, signal) {
      for (let tries = 0; tries < 5; tries += 1) {
        const before = await handle.stat({ bigint: true });
        const key = keyOf(before);
        const facts = { bytes: Number(before.size), modifiedAtMs: Number(before.mtimeMs) };
        const hit = known.get(key);
        if (hit !== undefined) return { sha256: hit, ...facts };
        const sha256 = await hash(handle, signal);
        if (keyOf(await handle.stat({ bigint: true })) === key) {
          if (clock.now() - Math.max(Number(before.ctimeMs), Number(before.mtimeMs)) > settledMs) remember(key, sha256);
          return { sha256, ...facts };
        }
      }
      throw new ErrandError(
        'artifactsUnavailable',
        'A file changes while it is read. Try again once it is written, or write it beside and rename it.',
      );
    },
  };

  function remember(key: string, sha256: string): void {
    known.set(key, sha256);
    const [oldest] = known.keys();
    if (known.size > remembered && oldest !== undefined) known.delete(oldest);
  }
}

function keyOf(stat: BigIntStats): string {
  return [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
}

async function hash(handle: FileHandle, signal: AbortSignal | undefined): Promise<string> {
  const digest = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let position = 0; ;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position);
    if (bytesRead === 0) return digest.digest('hex');
    digest.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
