import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { BlobClient, BlobItem, ContainerClient } from '@azure/storage-blob';
import type { Cancelable } from '../core/ports/storage.ts';
import type { BlobAccount } from './azure-blob-account.ts';
import { azureCodeOf, unlessNotFound } from './azure-blob-errors.ts';

export interface BlobFacts {
  /** Without the quotes it has on the wire. */
  etag: string;
  bytes: number;
  modifiedAtMs: number;
}

export interface BlobHead extends BlobFacts {
  isBlockBlob: boolean;
  metadata: Readonly<Record<string, string>>;
}

export interface PutOptions extends Cancelable {
  contentType?: string;
  metadata?: Record<string, string>;
  ifMatch?: string | undefined;
  ifNoneMatch?: '*' | undefined;
}

/** One blob container. It is made where something is written and it is not there; "not there" reads as undefined. Throws what the SDK throws. */
export interface BlobContainer {
  readonly name: string;
  head(name: string, options?: Cancelable): Promise<BlobHead | undefined>;
  /** At most `length` bytes from `offset`, as a stream, with the facts of the whole blob. With `ifMatch` it throws 412 where the blob is another by now. */
  stream(
    name: string,
    options?: Cancelable & { offset?: number; length?: number; ifMatch?: string },
  ): Promise<{ head: BlobHead; body: Readable } | undefined>;
  /** A block blob, replaced at once. False where a condition does not hold, but not for the lost answer to a write that it did hold for. */
  put(name: string, body: Uint8Array | string, options?: PutOptions): Promise<BlobFacts | false>;
  /** An empty append blob, unless something is there. */
  createLog(name: string, metadata: Record<string, string>, options?: Cancelable): Promise<void>;
  /** Nothing is appended any more, by whomever. False where nothing is there. Repeatable. */
  seal(name: string, options?: Cancelable): Promise<boolean>;
  /** With its snapshots: a signature to create permits those, too. Not there is fine. False where `ifMatch` does not hold. */
  remove(name: string, options?: Cancelable & { ifMatch?: string | undefined }): Promise<boolean>;
  /** Blobs whose names begin with `prefix`, by name; `flat` goes into folders. */
  list(prefix: string, options?: Cancelable & { flat?: boolean }): AsyncIterable<BlobFacts & { name: string }>;
  /** Names of the folders right below `prefix`, which ends with a slash. */
  folders(prefix: string, options?: Cancelable): AsyncIterable<string>;
  /** Makes it if it is not there. */
  ensure(options?: Cancelable): Promise<void>;
}

export function blobContainer(account: () => Promise<BlobAccount>, containerName: string): BlobContainer {
  const container = async (): Promise<ContainerClient> => (await account()).service.getContainerClient(containerName);

  const ensure = async ({ signal }: Cancelable = {}): Promise<void> => {
    const client = await container();
    // Readiness asks often, and a refused creation would show as an error in the account's metrics.
    if (!(await client.exists(abort(signal)))) await client.createIfNotExists(abort(signal));
  };

  /** The first write of an installation meets no container; asking before each would cost everybody else a request. */
  async function made<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (azureCodeOf(error) !== 'ContainerNotFound') throw error;
      await ensure({ signal });
      return work();
    }
  }

  async function head(name: string, { signal }: Cancelable = {}): Promise<BlobHead | undefined> {
    const blob = blobIn(await container(), name);
    const found = await unlessNotFound(blob.getProperties(abort(signal)));
    return found === undefined ? undefined : headOf(found, found.contentLength ?? 0);
  }

  return {
    name: containerName,
    head,
    ensure,

    async stream(name, { offset = 0, length, ifMatch, signal } = {}) {
      const blob = blobIn(await container(), name);
      const options = {
        ...abort(signal),
        ...(ifMatch === undefined ? {} : { conditions: { ifMatch: quoted(ifMatch) } }),
      };
      const answer = await unlessNotFound(blob.download(offset, length, options));
      if (answer === undefined) return undefined;
      // "bytes 0-9/100" where a part was asked for.
      const whole = answer.contentRange?.split('/')[1];
      return {
        head: headOf(answer, whole === undefined ? (answer.contentLength ?? 0) : Number(whole)),
        body: answer.readableStreamBody as Readable,
      };
    },

    async put(name, body, { contentType, metadata, ifMatch, ifNoneMatch, signal } = {}) {
      const client = await container();
      const blob = client.getBlockBlobClient(blobIn(client, name).name);
      // A text is encoded; an executable is not copied.
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      const writer = randomUUID();
      const isConditional = ifMatch !== undefined || ifNoneMatch !== undefined;
      const conditions = {
        ...(ifMatch === undefined ? {} : { ifMatch: quoted(ifMatch) }),
        ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
      };
      try {
        const options = {
          ...abort(signal),
          conditions,
          metadata: { ...metadata, writer },
          ...(contentType === undefined ? {} : { blobHTTPHeaders: { blobContentType: contentType } }),
        };
        const answer = await made(() => blob.upload(bytes, bytes.length, options), signal);
        return {
          etag: unquoted(answer.etag),
          bytes: bytes.length,
          modifiedAtMs: answer.lastModified?.getTime() ?? 0,
        };
      } catch (error) {
        if (!isConditional || !isConflict(error)) throw error;
        // The SDK repeats a write whose answer was lost, and then meets its own blob.
        const there = await head(name, { signal });
        return there?.metadata['writer'] === writer ? there : false;
      }
    },

    async createLog(name, metadata, { signal } = {}) {
      const client = await container();
      const blob = client.getAppendBlobClient(blobIn(client, name).name);
      const options = {
        ...abort(signal),
        metadata,
        conditions: { ifNoneMatch: '*' },
        blobHTTPHeaders: { blobContentType: 'text/plain; charset=utf-8' },
      };
      try {
        await made(() => blob.create(options), signal);
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    },

    async seal(name, { signal } = {}) {
      const client = await container();
      const blob = client.getAppendBlobClient(blobIn(client, name).name);
      return (await unlessNotFound(blob.seal(abort(signal)))) !== undefined;
    },

    async remove(name, { ifMatch, signal } = {}) {
      const blob = blobIn(await container(), name);
      const options = {
        ...abort(signal),
        deleteSnapshots: 'include' as const,
        ...(ifMatch === undefined ? {} : { conditions: { ifMatch: quoted(ifMatch) } }),
      };
      try {
        await unlessNotFound(blob.delete(options));
        return true;
      } catch (error) {
        if (ifMatch === undefined || !isConflict(error)) throw error;
        // Where nothing is there the condition cannot hold either.
        return (await head(name, { signal })) === undefined;
      }
    },

    async *list(prefix, { flat = false, signal } = {}) {
      const client = await container();
      const options = { ...abort(signal), ...(prefix === '' ? {} : { prefix }) };
      const toFacts = ({ name, properties }: BlobItem) => ({
        name,
        etag: unquoted(properties.etag),
        bytes: properties.contentLength ?? 0,
        modifiedAtMs: properties.lastModified.getTime(),
      });
      if (flat) yield* unlessNoContainer(client.listBlobsFlat(options), toFacts);
      else
        yield* unlessNoContainer(client.listBlobsByHierarchy('/', options), (item) =>
          item.kind === 'prefix' ? undefined : toFacts(item),
        );
    },

    async *folders(prefix, { signal } = {}) {
      const items = (await container()).listBlobsByHierarchy('/', { ...abort(signal), prefix });
      yield* unlessNoContainer(items, (item) =>
        item.kind === 'prefix' ? item.name.slice(prefix.length, -1) : undefined,
      );
    },
  };
}

/**
 * The client of a blob. URLs collapse dot segments, so that a name such as `../other/x` would address another blob container, with all our
 * rights: throws TypeError unless the address is that of exactly this name in this container.
 */
export function blobIn(container: ContainerClient, name: string): BlobClient {
  const client = container.getBlobClient(name);
  const prefix = `${new URL(container.url).pathname}/`;
  const { pathname } = new URL(client.url);
  if (!pathname.startsWith(prefix) || pathname.slice(prefix.length) !== name)
    throw new TypeError(`${JSON.stringify(name.slice(0, 200))} is no name of a blob in ${container.containerName}`);
  return client;
}

/** A condition that did not hold. Other things answer with the same status: leases that people take, a container that is being deleted. */
function isConflict(error: unknown): boolean {
  return ['BlobAlreadyExists', 'ConditionNotMet', 'BlobNotFound'].includes(azureCodeOf(error) ?? '');
}

async function* unlessNoContainer<Item, Out>(
  items: AsyncIterable<Item>,
  pick: (item: Item) => Out | undefined,
): AsyncGenerator<Out, void, undefined> {
  try {
    for await (const item of items) {
      const picked = pick(item);
      if (picked !== undefined) yield picked;
    }
  } catch (error) {
    if (azureCodeOf(error) !== 'ContainerNotFound') throw error;
  }
}

function headOf(
  found: { etag?: string; lastModified?: Date; blobType?: string; metadata?: Record<string, string> },
  bytes: number,
): BlobHead {
  return {
    etag: unquoted(found.etag),
    bytes,
    modifiedAtMs: found.lastModified?.getTime() ?? 0,
    isBlockBlob: found.blobType === 'BlockBlob',
    metadata: found.metadata ?? {},
  };
}

const abort = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { abortSignal: signal });

/** Headers have ETags in quotes, listings have them without. */
const unquoted = (etag: string | undefined): string => etag?.replaceAll('"', '') ?? '';
const quoted = (etag: string): string => `"${etag}"`;
