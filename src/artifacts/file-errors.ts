import { ErrandError } from '../contract/errors.ts';

/** The name of a failed system call's error (`ENOENT`), undefined for errors of other kinds. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** Neither the name nor, with ENOTDIR, the directory it should be in is there. */
export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

/** For a call whose "not there" is an answer. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** What the file system said, in our own words. Errors of other kinds come back as they are. */
export function artifactsError(error: unknown, directory: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || !(error instanceof Error)) return error;
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new ErrandError(
      'storageFull',
      `The disk of ${directory} is full (${error.message}). Nothing was half written; free some space and Errand goes on by itself.`,
      { cause: error },
    );
  }
  return new ErrandError(
    'artifactsUnavailable',
    `The file system refused: ${error.message}. Check that ${directory} exists, is writable and belongs to the user that Errand runs as.`,
    { cause: error },
  );
}
