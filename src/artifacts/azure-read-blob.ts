import type { Cancelable } from '../core/ports/storage.ts';
import type { BlobContainer, BlobHead } from './azure-blob-container.ts';
import { statusOf } from './azure-blob-errors.ts';
import { readStream } from './stream-facts.ts';

/** The first `maximumBytes` of a blob whose size a task may have chosen; `head.bytes` tells whether there are more. Undefined where it is not there. */
export async function readBlob(
  container: BlobContainer,
  name: string,
  maximumBytes: number,
  given: Cancelable,
): Promise<{ head: BlobHead; bytes: Buffer } | undefined> {
  return readBlobRange(container, name, { offset: 0, length: maximumBytes }, given);
}

/** At most `length` bytes from `offset`; none where the blob has none there. Undefined where it is not there. */
export async function readBlobRange(
  container: BlobContainer,
  name: string,
  { offset, length }: { offset: number; length: number },
  given: Cancelable,
): Promise<{ head: BlobHead; bytes: Buffer } | undefined> {
  for (;;) {
    if (length > 0) {
      try {
        const found = await container.stream(name, { offset, length, ...given });
        if (found === undefined) return undefined;
        try {
          return { head: found.head, bytes: await readStream(found.body, length) };
        } finally {
          found.body.destroy();
        }
      } catch (error) {
        // There is no byte at the offset.
        if (statusOf(error) !== 416) throw error;
      }
    }
    const head = await container.head(name, given);
    if (head === undefined) return undefined;
    // It may have grown between the two: then there is something to read.
    if (length === 0 || head.bytes <= offset) return { head, bytes: Buffer.alloc(0) };
  }
}
