import { chmod, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { scriptNamePattern } from '../contract/names.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { copyFile } from './copy-file.ts';
import { syncDirectory, unfinishedName } from './durable-file.ts';
import type { FileHashes } from './file-hashes.ts';
import { openFlat } from './flat-file.ts';
import type { ProcessLock } from './process-lock.ts';
import { removeTree } from './remove-tree.ts';

export interface ExecutableCache {
  /** A directory with nothing but this executable in it, read-only. Throws `executableMissing` where no such content is to be had. */
  provide(executable: { name: string; sha256: string }, options?: Cancelable): Promise<string>;
}

const sha256Pattern = /^[a-f0-9]{64}$/;

/**
 * Executables by content, as they are mounted into runners: a run gets what was pinned when it was accepted, also when the file has been
 * replaced since. The hash is checked whenever one is handed out; a damaged copy is made anew.
 */
export function executableCache(options: {
  directory: string;
  source: string;
  hashes: FileHashes;
  lock: ProcessLock;
}): ExecutableCache {
  const { directory, source, hashes, lock } = options;

  async function isIntact(path: string, sha256: string, signal: AbortSignal | undefined): Promise<boolean> {
    const file = await openFlat(path);
    if (file.kind !== 'open') return false;
    try {
      return (
        (await hashes.of(file.handle, signal)).sha256 === sha256 && ((await file.handle.stat()).mode & 0o777) === 0o555
      );
    } finally {
      await file.handle.close();
    }
  }

  async function fill(
    unfinished: string,
    name: string,
    sha256: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const file = await openFlat(join(source, name));
    if (file.kind !== 'open') throw missing(name, file.kind === 'refused' ? file.why : 'it is not there');
    try {
      const copied = await copyFile(file.handle, join(unfinished, name), {
        maximumBytes: limits.executableBytes,
        mode: 0o555,
        signal,
      });
      if (copied.sha256 !== sha256)
        throw missing(name, `its SHA-256 is ${copied.sha256} now, the run was accepted with ${sha256}`);
    } finally {
      await file.handle.close();
    }
    await syncDirectory(unfinished);
    await chmod(unfinished, 0o555);
  }

  return {
    async provide({ name, sha256 }, { signal } = {}) {
      if (!scriptNamePattern.test(name) || !sha256Pattern.test(sha256)) {
        throw new TypeError(`${JSON.stringify(name)} with ${sha256} is no executable`);
      }
      const entry = join(directory, `${sha256}-${name}`);
      if (await isIntact(join(entry, name), sha256, signal)) return entry;
      return lock(
        async () => {
          // Another one may have made it meanwhile; what is intact is never removed, since a runner may be about to get it.
          if (await isIntact(join(entry, name), sha256, signal)) return entry;
          const unfinished = join(directory, unfinishedName());
          await mkdir(unfinished, { mode: 0o700 });
          try {
            await fill(unfinished, name, sha256, signal);
            await removeTree(entry);
            await rename(unfinished, entry);
            await syncDirectory(directory);
          } catch (error) {
            await removeTree(unfinished);
            throw error;
          }
          return entry;
        },
        { signal },
      );
    },
  };
}

function missing(name: string, why: string): ErrandError {
  return new ErrandError(
    'executableMissing',
    `The executable ${name} cannot be used: ${why}. Push the task again and start a new run.`,
  );
}
