import { randomBytes } from 'node:crypto';
import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ErrandError } from '../contract/errors.ts';
import type { Logger } from '../core/logger.ts';
import { apiKeys, apiKeysFileSchema, type ApiKeyEntry, type Callers } from '../http/api-keys.ts';

/** The entries of a file of keys; undefined where there is no such file. Throws `invalidConfiguration` where it is none. */
export async function readKeysFile(file: string): Promise<ApiKeyEntry[] | undefined> {
  try {
    return apiKeysFileSchema.parse(JSON.parse(await readFile(file, 'utf8'))).keys;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new ErrandError(
      'invalidConfiguration',
      `${file} is no file of keys: mend it, or name another one ("errand keys create" makes one)`,
      { cause },
    );
  }
}

/** Never leaves half a file: a server could not read it. */
export async function writeKeysFile(file: string, keys: readonly ApiKeyEntry[]): Promise<void> {
  const partial = `${file}.${randomBytes(6).toString('hex')}.partial`;
  try {
    const handle = await open(partial, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify({ keys }, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (cause) {
    // What went wrong before is what has to be told; this only clears up after it.
    await unlink(partial).catch(() => undefined);
    throw new ErrandError(
      'invalidConfiguration',
      `The file of keys cannot be written to ${dirname(file)}: make that directory, or name another file.`,
      { cause },
    );
  }
}

/**
 * Whoever has a key of this file. It is looked at with each request, so that a key which was taken out opens nothing from then on. A file that cannot be read any more
 * changes nothing, and the log says so: a slip of the pen locks nobody out. Throws `invalidConfiguration` where it cannot be read at first.
 */
export async function callersOfFile(file: string, logger: Logger, read = readKeysFile): Promise<Callers> {
  let version = await versionOf(file);
  /** The last reading failed: the next request reads again, whether or not the file has changed since. */
  let isUnread = false;
  let keys = Promise.resolve(apiKeys(await entriesOf(file, read)));
  return {
    find: async (shown, now) => {
      const latest = await versionOf(file);
      if (latest !== version || isUnread) {
        const isTold = isUnread && latest === version;
        version = latest;
        isUnread = false;
        const before = keys;
        keys = entriesOf(file, read).then(apiKeys, (error: unknown) => {
          isUnread = true;
          if (!isTold) logger.error({ file, err: error }, 'the file of keys cannot be read; the keys of before go on');
          return before;
        });
      }
      return (await keys).find(shown, now);
    },
  };
}

async function entriesOf(file: string, read: typeof readKeysFile): Promise<readonly ApiKeyEntry[]> {
  const entries = await read(file);
  if (entries !== undefined) return entries;
  throw new ErrandError(
    'invalidConfiguration',
    `ERRAND_API_KEYS_FILE names ${file}, which is not there: "errand keys create" makes it`,
  );
}

/** Another one whenever the file was written or replaced; undefined where nobody can tell. */
async function versionOf(file: string): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  return found === undefined ? undefined : `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
}
