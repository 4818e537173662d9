import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type SmallDisk = { path: string; unmount(): Promise<void> } | { reason: string };

/** A file system of this size (as mount takes it: `400k`) below a directory. Where it cannot be had, the reason; under CI that is a failure. */
export async function mountSmallDisk(directory: string, size: string): Promise<SmallDisk> {
  const path = join(directory, 'disk');
  await mkdir(path);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'errand-test', path]);
  } catch (error) {
    const reason = `no tmpfs can be mounted here: ${error instanceof Error ? error.message.trim() : String(error)}`;
    if (process.env['CI'] === 'true') throw new Error(reason, { cause: error });
    console.warn(reason);
    return { reason };
  }
  return { path, unmount: async () => void (await run('umount', ['--lazy', path])) };
}
