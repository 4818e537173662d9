import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { ErrandError } from '../contract/errors.ts';

/** Primary result codes; the extended ones carry them in their low byte. Source: https://www.sqlite.org/rescode.html */
const codes = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** Another process has the lock: the same call may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === codes.busy || code === codes.locked;
}

/** What SQLite or the file system said of the database `path`, in our own words. Errors of other kinds come back as they are. */
export function storageError(error: unknown, path: string): unknown {
  const cause = { cause: error };
  switch (resultCode(error)) {
    case codes.busy:
    case codes.locked:
      return new ErrandError(
        'storageBusy',
        `The run database ${path} stays locked by another process. Find it with "fuser ${path}"; a backup or an SQLite shell with an open transaction does this.`,
        cause,
      );
    case codes.full:
      return full(path, error);
    case codes.corrupt:
    case codes.notADatabase:
      return new ErrandError(
        'storageCorrupt',
        `The run database ${path} is damaged or is no SQLite database. Stop Errand, move the file and those beside it with -wal and -shm away, and put a backup made by "errand backup" in its place.`,
        cause,
      );
    case codes.ioError:
      return isDiskFull(path) ? full(path, error) : unavailable(path, error);
    case codes.readOnly:
    case codes.cannotOpen:
      return unavailable(path, error);
    default:
      return fileSystemError(error, path);
  }
}

function fileSystemError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return error;
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' ? full(path, error) : unavailable(path, error);
}

function full(path: string, cause: unknown): ErrandError {
  return new ErrandError(
    'storageFull',
    `The disk of the run database ${path} is full. Nothing was half written; free some space and Errand goes on by itself.`,
    { cause },
  );
}

function unavailable(path: string, cause: unknown): ErrandError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new ErrandError(
    'storageUnavailable',
    `The run database ${path} cannot be opened or written (${said}). Check that its directory exists, is on a writable local disk and belongs to the user that Errand runs as.`,
    { cause },
  );
}

/** SQLite reports a full disk as an I/O error where it cannot enlarge the shared memory beside the database. */
function isDiskFull(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail === 0;
  } catch {
    return false;
  }
}
