import { chmod, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { scriptNamePattern } from '../contract/names.ts';
import type { ExchangePlan } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { copyFile } from './copy-file.ts';
import { syncDirectory, unfinishedName } from './durable-file.ts';
import type { FileHashes } from './file-hashes.ts';
import { openFlat } from './flat-file.ts';
import type { ProcessLock } from './process-lock.ts';
import { removeTree } from './remove-tree.ts';

export interface ExecutableCache {
  /** A directory with nothing but this executable in it, read-only. Throws `executableMissing` where no such content is to be had. */
  provide(executable: ExchangePlan['executable'], options?: Cancelable): Promise<string>;
}

const sha256Pattern = /^[a-f0-9]{64}$/;

/**
 * Executables by content, as they are mounted into runners: a run gets what was pinned when it was accepted, also when the file has been
 * replaced since. The hash is checked whenever one is handed out; a damaged copy is made anew.
 */
export function executableCache(options: {
  directory: string;
  /** Where the executables are that definitions name. */
  tasks: string;
  /** Where earlier ones are kept. */
  versions: string;
  hashes: FileHashes;
  lock: ProcessLock;
}): ExecutableCache {
  const { directory, tasks, versions, hashes, lock } = options;

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
    { name, sha256, kept }: ExchangePlan['executable'],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const target = join(unfinished, name);
    const why = await copied(join(tasks, name), target, sha256, signal);
    if (why !== undefined) {
      await removeTree(target);
      if ((await copied(join(versions, kept), target, sha256, signal)) !== undefined) throw missing(name, why);
    }
    await syncDirectory(unfinished);
    await chmod(unfinished, 0o555);
  }

  /** Why what lies there is not what is wanted; undefined where it was copied. */
  async function copied(
    source: string,
    target: string,
    sha256: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const file = await openFlat(source);
    if (file.kind !== 'open') return file.kind === 'refused' ? file.why : 'it is not there';
    try {
      const copy = await copyFile(file.handle, target, { maximumBytes: limits.executableBytes, mode: 0o555, signal });
      if (copy.sha256 === sha256) return undefined;
      return `its SHA-256 is ${copy.sha256} now, the run was accepted with ${sha256}`;
    } finally {
      await file.handle.close();
    }
  }

  return {
    async provide(executable, { signal } = {}) {
      const { name, sha256, kept } = executable;
      if (!scriptNamePattern.test(name) || !scriptNamePattern.test(kept) || !sha256Pattern.test(sha256)) {
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
            await fill(unfinished, executable, signal);
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
