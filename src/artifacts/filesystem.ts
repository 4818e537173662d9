import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { runIdPattern } from '../contract/names.ts';
import type { Clock } from '../core/clock.ts';
import { silentLogger, type Logger } from '../core/logger.ts';
import type { ArtifactStore, FileFolder } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { unfinishedPrefix, writeUnfinished } from './durable-file.ts';
import { checkRunId } from './exchange-paths.ts';
import { executableCache } from './executable-cache.ts';
import { artifactsError, errnoOf, unlessMissing } from './file-errors.ts';
import { fileHashes } from './file-hashes.ts';
import { filesystemExchange } from './filesystem-exchange.ts';
import { processLock } from './process-lock.ts';
import { removeTree, trashSuffix } from './remove-tree.ts';
import { taskFiles } from './task-files.ts';

export interface FilesystemArtifactsOptions {
  /** Made if it is missing, for this user alone. Several processes of one machine may share it. */
  directory: string;
  clock: Clock;
  /** Where the engine of the containers sees `directory`, if Errand itself runs in a container. */
  hostPath?: string | undefined;
  logger?: Logger;
}

/** What a crash left unfinished is removed after this. */
const abandonedMs = 60 * 60 * 1000;

/** Files in a directory of this machine; runners meet us in directories below it. Needs Linux: `/proc` and the rules of its file systems. */
export function filesystemArtifacts(options: FilesystemArtifactsOptions): ArtifactStore {
  const { clock, hostPath, logger = silentLogger } = options;
  const directory = resolve(options.directory);
  const tasks = join(directory, 'tasks');
  const versions = join(directory, 'versions');
  const cacheDirectory = join(directory, 'cache');
  const exchanges = join(directory, 'exchanges');
  const runs = join(directory, 'runs');
  const hashes = fileHashes(clock);
  const lock = processLock(join(directory, '.lock'), clock);
  const cache = executableCache({ directory: cacheDirectory, tasks, versions, hashes, lock });
  let made: Promise<void> | undefined;

  async function make(): Promise<void> {
    for (const path of [directory, tasks, versions, cacheDirectory, exchanges, runs])
      await mkdir(path, { recursive: true, mode: 0o700 });
    for (const path of [tasks, versions, cacheDirectory]) await removeAbandoned(path);
  }

  async function removeAbandoned(path: string): Promise<void> {
    for (const name of await readdir(path)) {
      if (!name.startsWith(unfinishedPrefix)) continue;
      const found = await unlessMissing(stat(join(path, name)));
      if (found !== undefined && clock.now() - found.mtimeMs > abandonedMs) await removeTree(join(path, name));
    }
  }

  async function guard<T>(work: () => Promise<T>, { signal }: Cancelable = {}): Promise<T> {
    signal?.throwIfAborted();
    try {
      made ??= make();
      await made;
      return await work();
    } catch (error) {
      // The directory may have been missing or in the way only now: the next call makes it again.
      if (errnoOf(error) !== undefined) made = undefined;
      throw artifactsError(error, directory);
    }
  }

  function folder(path: string): FileFolder {
    const files = taskFiles({ directory: path, lock, hashes, logger });
    return {
      get: (name, given) => guard(() => files.get(name, given), given),
      describe: (name, given) => guard(() => files.describe(name, given), given),
      put: (name, body, given) => guard(() => files.put(name, body, given), given),
      delete: (name, given) => guard(() => files.delete(name, given), given),

      async *list(given) {
        await guard(() => Promise.resolve(), given);
        try {
          yield* files.list(given);
        } catch (error) {
          throw artifactsError(error, directory);
        }
      },
    };
  }

  const onHost = (path: string): string => (hostPath === undefined ? path : join(hostPath, relative(directory, path)));

  return {
    ...folder(tasks),
    versions: folder(versions),

    exchange: (ref) => filesystemExchange(ref, { directory, cache, clock, logger, onHost, guard }),

    deleteRun: (runId, given) =>
      guard(async () => {
        checkRunId(runId);
        // What people want gone for good goes first, the mark that keeps attempts from being opened last.
        await removeTree(join(runs, runId), given);
        await removeTree(join(exchanges, runId), given);
      }, given),

    async *listRuns(given) {
      const names = await guard(async () => [...(await readdir(exchanges)), ...(await readdir(runs))], given);
      // What could not be removed last time is still there under another name.
      const ids = new Set(
        names.map((name) => (name.endsWith(trashSuffix) ? name.slice(0, -trashSuffix.length) : name)),
      );
      for (const id of [...ids].toSorted()) if (runIdPattern.test(id)) yield id;
    },

    check: (given) =>
      guard(async () => {
        const probe = await writeUnfinished(directory, 'Errand may write here.\n', 0o600);
        await unlink(probe);
      }, given),
  };
}
