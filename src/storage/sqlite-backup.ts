import { randomBytes } from 'node:crypto';
import { access, link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ErrandError } from '../contract/errors.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { storageError } from './sqlite-errors.ts';

/**
 * Copies the run database while servers go on writing: one read transaction, so the copy is the state of one moment. It is checked and
 * synced before it appears under `target`, which must not exist yet. `VACUUM INTO` blocks this process (not the servers) for as long as
 * it takes; SQLite's page-wise backup would begin again with each commit of another process.
 */
export async function backupDatabase(
  source: string,
  target: string,
  { signal }: Cancelable = {},
): Promise<{ bytes: number }> {
  const partial = `${target}.${randomBytes(6).toString('hex')}.partial`;
  signal?.throwIfAborted();
  await access(source).catch((cause: unknown) => {
    throw new ErrandError(
      'storageUnavailable',
      `There is no run database at ${source}. Check the path, or ERRAND_DATA_DIR.`,
      { cause },
    );
  });
  await refuseExisting(target);
  try {
    await (await open(partial, 'wx', 0o600)).close();
    copy(source, partial);
    const bytes = await sync(partial);
    await link(partial, target);
    await unlink(partial);
    await sync(dirname(target));
    return { bytes };
  } catch (error) {
    // What went wrong before is what has to be told; this only clears up after it.
    await unlink(partial).catch(() => undefined);
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw exists(target, error);
    throw storageError(error, error instanceof ErrandError ? source : target);
  }
}

function copy(source: string, partial: string): void {
  const database = openSource(source);
  try {
    database.prepare('VACUUM INTO ?').run(partial);
  } finally {
    database.close();
  }
  const copied = new DatabaseSync(partial, { readOnly: true });
  try {
    const verdict = copied.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
    if (verdict !== 'ok') {
      throw new ErrandError(
        'storageCorrupt',
        `The run database ${source} is damaged (${String(verdict)}). Keep an earlier backup.`,
      );
    }
  } finally {
    copied.close();
  }
}

function openSource(source: string): DatabaseSync {
  try {
    return new DatabaseSync(source, { readOnly: true, timeout: 5_000 });
  } catch (error) {
    throw storageError(error, source);
  }
}

async function sync(path: string): Promise<number> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

async function refuseExisting(target: string): Promise<void> {
  const isThere = await access(target).then(
    () => true,
    () => false,
  );
  if (isThere) throw exists(target);
}

function exists(target: string, cause?: unknown): ErrandError {
  return new ErrandError(
    'invalidRequest',
    `${target} is there already and a backup never overwrites. Give another name, or move it away.`,
    { cause },
  );
}
