import { createHash } from 'node:crypto';
import { scriptNamePattern } from '../contract/names.ts';
import { instant } from '../core/clock.ts';
import type { ArtifactInfo, FileFolder } from '../core/ports/artifact-store.ts';
import { statusOf } from './azure-blob-errors.ts';
import type { BlobContainer, BlobFacts, BlobHead } from './azure-blob-container.ts';
import { readStream, streamFacts } from './stream-facts.ts';
import { checkTaskFileName, checkTaskFileSize } from './task-file-errors.ts';

const sha256Pattern = /^[a-f0-9]{64}$/;
/** As an ETag may be on the wire; anything else is none of ours and holds for nothing. */
const etagPattern = /^[\x21\x23-\x7e]+$/;
const remembered = 10_000;

/** Below the files that people see: a listing of those does not go into folders. */
export const versionsFolder = 'versions/';

/**
 * A folder of definitions and executables in a blob container; `folder` is empty or ends with a slash. People may put blobs there with the tools they know, so the SHA-256 in a blob's metadata is
 * there only for what Errand has put; of others it is computed on first use and remembered by ETag.
 */
export function azureTaskFiles(container: BlobContainer, folder = ''): FileFolder {
  /** By name and ETag. */
  const hashes = new Map<string, string>();

  async function sha256Of(name: string, head: BlobHead, signal: AbortSignal | undefined): Promise<string | undefined> {
    const noted = head.metadata['sha256'];
    // Blobs of other kinds can be changed in place, and keep their metadata then.
    if (noted !== undefined && sha256Pattern.test(noted) && head.isBlockBlob) return noted;
    const key = `${name} ${head.etag}`;
    const known = hashes.get(key);
    if (known !== undefined) return known;
    const found = await container.stream(folder + name, { ifMatch: head.etag, signal });
    if (found === undefined) return undefined;
    const { sha256 } = await streamFacts(found.body);
    hashes.set(key, sha256);
    const [oldest] = hashes.keys();
    if (hashes.size > remembered && oldest !== undefined) hashes.delete(oldest);
    return sha256;
  }

  return {
    async get(name, { ifNoneMatch, signal } = {}) {
      if (!scriptNamePattern.test(name)) return undefined;
      if (ifNoneMatch !== undefined) {
        const head = await container.head(folder + name, { signal });
        if (head === undefined) return undefined;
        if (head.etag === ifNoneMatch) return { info: infoOf(name, head), unchanged: true };
      }
      const found = await container.stream(folder + name, { signal });
      if (found === undefined) return undefined;
      try {
        checkTaskFileSize(name, found.head.bytes);
        return {
          info: infoOf(name, found.head),
          unchanged: false,
          body: await readStream(found.body, found.head.bytes),
        };
      } finally {
        found.body.destroy();
      }
    },

    async describe(name, { signal } = {}) {
      if (!scriptNamePattern.test(name)) return undefined;
      for (;;) {
        const head = await container.head(folder + name, { signal });
        if (head === undefined) return undefined;
        try {
          const sha256 = await sha256Of(name, head, signal);
          if (sha256 !== undefined) return { ...infoOf(name, head), sha256 };
        } catch (error) {
          // Replaced between the look and the read: look again.
          if (statusOf(error) !== 412) throw error;
        }
      }
    },

    async put(name, body, { ifMatch, ifNoneMatch, signal } = {}) {
      checkTaskFileName(name);
      checkTaskFileSize(name, body.length);
      if (ifMatch !== undefined && !etagPattern.test(ifMatch)) return false;
      const sha256 = createHash('sha256').update(body).digest('hex');
      const put = await container.put(folder + name, body, { metadata: { sha256 }, ifMatch, ifNoneMatch, signal });
      return put === false ? false : infoOf(name, put);
    },

    async *list({ prefix = '', signal } = {}) {
      for await (const blob of container.list(folder + prefix, { signal })) {
        const name = blob.name.slice(folder.length);
        if (scriptNamePattern.test(name)) yield infoOf(name, blob);
      }
    },

    async delete(name, { ifMatch, signal } = {}) {
      if (!scriptNamePattern.test(name)) return true;
      if (ifMatch !== undefined && !etagPattern.test(ifMatch))
        return (await container.head(folder + name, { signal })) === undefined;
      return container.remove(folder + name, { ifMatch, signal });
    },
  };
}

function infoOf(name: string, { etag, bytes, modifiedAtMs }: BlobFacts): ArtifactInfo {
  return { name, etag, bytes, modifiedAt: instant(modifiedAtMs) };
}
