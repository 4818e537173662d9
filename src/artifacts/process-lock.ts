import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';

export type ProcessLock = <T>(work: () => Promise<T>, options?: Cancelable) => Promise<T>;

const patienceMs = 10_000;
const busy = 5;

/**
 * A lock among all processes of this machine: SQLite's exclusive lock on an empty file, which is a lock of the kernel (fcntl) and ends with
 * the process that holds it. Node has no `flock`, and a lock file of our own would stay behind after a crash.
 */
export function processLock(path: string, clock: Clock): ProcessLock {
  let last: Promise<unknown> = Promise.resolve();

  async function locked<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    closeSync(openSync(path, 'a', 0o600));
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      const started = clock.monotonic();
      while (!tryLock(database, path)) {
        if (clock.monotonic() - started > patienceMs) {
          throw new ErrandError(
            'artifactsUnavailable',
            `Another process holds ${path} for too long. Find it with "fuser ${path}".`,
          );
        }
        await clock.sleep(10, { signal });
      }
      return await work();
    } finally {
      database.close();
    }
  }

  return async (work, { signal } = {}) => {
    // Within this process in order, so that only one of us contends with other processes.
    const turn = last.then(() => {
      signal?.throwIfAborted();
      return locked(work, signal);
    });
    // Who asked for this turn hears of its failure; the next one only waits for its end.
    last = turn.catch(() => undefined);
    return turn;
  };
}

function tryLock(database: DatabaseSync, path: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === busy) return false;
    throw new ErrandError(
      'artifactsUnavailable',
      `The lock ${path} cannot be taken. Check the owner of the file and its file system.`,
      {
        cause: error,
      },
    );
  }
}
