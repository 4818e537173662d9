import { constants } from 'node:fs';
import { lstat, open, type FileHandle } from 'node:fs/promises';
import { errnoOf, isMissing } from './file-errors.ts';

export type FlatFile =
  | { kind: 'absent' }
  | { kind: 'refused'; why: string }
  | { kind: 'open'; handle: FileHandle; bytes: number };

/**
 * Opens a file whose name, kind and content somebody else may have chosen. Only a regular file is opened: no symbolic link is followed, and
 * what would block (FIFO) or act on being opened (device) is seen by `lstat` and left alone; the flags hold for what is swapped in between.
 * The directory itself must be out of that somebody's reach.
 */
export async function openFlat(path: string): Promise<FlatFile> {
  let handle: FileHandle | undefined;
  try {
    const seen = await lstat(path);
    if (!seen.isFile()) return { kind: 'refused', why: 'it is not a regular file' };
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const opened = await handle.stat();
    if (opened.isFile()) return { kind: 'open', handle, bytes: opened.size };
    await handle.close();
    return { kind: 'refused', why: 'it is not a regular file' };
  } catch (error) {
    if (handle !== undefined) await handle.close();
    if (isMissing(error)) return { kind: 'absent' };
    const errno = errnoOf(error);
    if (errno === 'ELOOP' || errno === 'ENXIO' || errno === 'EISDIR')
      return { kind: 'refused', why: 'it is not a regular file' };
    if (errno === 'EACCES' || errno === 'EPERM') return { kind: 'refused', why: `Errand may not read it (${errno})` };
    throw error;
  }
}

/** The whole content, or why not. Reads at most `maximumBytes`, however large the file says it is. */
export async function readFlat(
  path: string,
  maximumBytes: number,
): Promise<{ kind: 'absent' } | { kind: 'refused'; why: string } | { kind: 'read'; bytes: Buffer }> {
  const file = await openFlat(path);
  if (file.kind !== 'open') return file;
  try {
    if (file.bytes > maximumBytes)
      return { kind: 'refused', why: `it has ${file.bytes} bytes, more than the ${maximumBytes} allowed` };
    return { kind: 'read', bytes: await readRange(file.handle, 0, file.bytes) };
  } finally {
    await file.handle.close();
  }
}

/** Up to `length` bytes from `offset`; fewer at the end of the file. */
export async function readRange(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
