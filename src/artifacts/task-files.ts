import { readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import { scriptNamePattern } from '../contract/names.ts';
import { instant } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { ArtifactInfo, FileFolder } from '../core/ports/artifact-store.ts';
import { createFile, syncDirectory, writeUnfinished } from './durable-file.ts';
import { unlessMissing } from './file-errors.ts';
import type { FileHashes } from './file-hashes.ts';
import { openFlat, readRange } from './flat-file.ts';
import type { ProcessLock } from './process-lock.ts';
import { checkTaskFileName, checkTaskFileSize } from './task-file-errors.ts';

/**
 * The folder of definitions and executables. People may put files there with the tools they know, so ETags are hashes of the content: a file
 * that was overwritten in place has another one. Writers hold a lock, so conditions hold among processes.
 */
export function taskFiles(options: {
  directory: string;
  lock: ProcessLock;
  hashes: FileHashes;
  logger: Logger;
}): FileFolder {
  const { directory, hashes, logger, lock } = options;

  async function opened(name: string) {
    if (!scriptNamePattern.test(name)) return undefined;
    const file = await openFlat(join(directory, name));
    if (file.kind === 'open') return file;
    if (file.kind === 'refused')
      logger.warn(
        { file: join(directory, name), why: file.why },
        'a file beside the task definitions is left out; put a regular file there',
      );
    return undefined;
  }

  async function describe(name: string, signal?: AbortSignal) {
    const file = await opened(name);
    if (file === undefined) return undefined;
    try {
      const facts = await hashes.of(file.handle, signal);
      return { ...infoOf(name, facts), sha256: facts.sha256 };
    } finally {
      await file.handle.close();
    }
  }

  return {
    async get(name, { ifNoneMatch, signal } = {}) {
      const file = await opened(name);
      if (file === undefined) return undefined;
      try {
        for (;;) {
          const facts = await hashes.of(file.handle, signal);
          const info = infoOf(name, facts);
          if (info.etag === ifNoneMatch) return { info, unchanged: true };
          checkTaskFileSize(name, facts.bytes);
          const body = await readRange(file.handle, 0, facts.bytes);
          // Somebody may be overwriting it in place: what is handed out is what was hashed.
          if ((await hashes.of(file.handle, signal)).sha256 === facts.sha256 && body.length === facts.bytes)
            return { info, unchanged: false, body };
        }
      } finally {
        await file.handle.close();
      }
    },

    describe: (name, { signal } = {}) => describe(name, signal),

    async put(name, body, { ifMatch, ifNoneMatch, signal } = {}) {
      checkTaskFileName(name);
      checkTaskFileSize(name, body.length);
      const target = join(directory, name);
      if (ifNoneMatch === '*') {
        const created = await lock(() => createFile(target, body, 0o600), { signal });
        return created ? written(name) : false;
      }
      const unfinished = await writeUnfinished(directory, body, 0o600);
      try {
        return await lock(
          async () => {
            if (ifMatch !== undefined && (await describe(name, signal))?.etag !== ifMatch) return false;
            await rename(unfinished, target);
            await syncDirectory(directory);
            return written(name);
          },
          { signal },
        );
      } finally {
        await unlessMissing(unlink(unfinished));
      }
    },

    async *list({ prefix = '', signal } = {}) {
      for (const name of (await readdir(directory)).toSorted()) {
        signal?.throwIfAborted();
        if (!name.startsWith(prefix)) continue;
        const info = await describe(name, signal);
        if (info !== undefined)
          yield { name: info.name, etag: info.etag, bytes: info.bytes, modifiedAt: info.modifiedAt };
      }
    },

    delete: (name, { ifMatch, signal } = {}) =>
      lock(
        async () => {
          if (!scriptNamePattern.test(name)) return true;
          if (ifMatch !== undefined) {
            const there = await describe(name, signal);
            if (there !== undefined && there.etag !== ifMatch) return false;
          }
          await unlessMissing(unlink(join(directory, name)));
          await syncDirectory(directory);
          return true;
        },
        { signal },
      ),
  };

  async function written(name: string): Promise<ArtifactInfo> {
    const there = await describe(name);
    if (there === undefined)
      throw new ErrandError(
        'artifactsUnavailable',
        `${name} vanished right after it was written. Somebody else removes files in ${directory}.`,
      );
    return { name, etag: there.etag, bytes: there.bytes, modifiedAt: there.modifiedAt };
  }
}

function infoOf(name: string, facts: { sha256: string; bytes: number; modifiedAtMs: number }): ArtifactInfo {
  return { name, etag: facts.sha256, bytes: facts.bytes, modifiedAt: instant(facts.modifiedAtMs) };
}
