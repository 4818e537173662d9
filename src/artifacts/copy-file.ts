import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

export interface Copied {
  bytes: number;
  sha256: string;
  /** Line ends, and one more where the last line has none. */
  lines: number;
  /** The source went on after `maximumBytes`. */
  exceeded: boolean;
}

const chunkBytes = 256 * 1024;
const lineEnd = 0x0a;

/** Copies an open file to a new one, synced, and describes what was copied. */
export async function copyFile(
  source: FileHandle,
  target: string,
  { maximumBytes, mode, signal }: { maximumBytes: number; mode: number; signal?: AbortSignal | undefined },
): Promise<Copied> {
  const digest = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const copy = await open(target, 'wx', mode);
  let bytes = 0;
  let lines = 0;
  let last = lineEnd;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await source.read(buffer, 0, Math.min(chunkBytes, maximumBytes - bytes), bytes);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      await copy.writeFile(chunk);
      digest.update(chunk);
      lines += countLineEnds(chunk);
      last = chunk[bytesRead - 1] ?? last;
      bytes += bytesRead;
    }
    const exceeded = bytes === maximumBytes && (await source.read(Buffer.alloc(1), 0, 1, bytes)).bytesRead > 0;
    await copy.chmod(mode);
    await copy.sync();
    return { bytes, sha256: digest.digest('hex'), lines: last === lineEnd ? lines : lines + 1, exceeded };
  } finally {
    await copy.close();
  }
}

function countLineEnds(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(lineEnd); at !== -1; at = chunk.indexOf(lineEnd, at + 1)) count += 1;
  return count;
}
