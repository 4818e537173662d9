import type { ContainerClient } from '@azure/storage-blob';
import type { Cancelable } from '../core/ports/storage.ts';
import { azureCall } from './azure-call.ts';
import { serviceError } from './azure-errors.ts';

/** Texts in a blob container that is made when it is first missed. */
export interface TextBlobs {
  put(name: string, text: string, options: Cancelable): Promise<void>;
  get(name: string, options: Cancelable): Promise<string | undefined>;
  /** Not there is fine. */
  remove(name: string, options: Cancelable): Promise<void>;
  /** Removes all whose names start with the folder's. */
  clear(folder: string, options: Cancelable): Promise<void>;
}

export function textBlobs(connect: () => Promise<ContainerClient>): TextBlobs {
  let client: Promise<ContainerClient> | undefined;

  async function call<T>(
    options: Cancelable,
    work: (container: ContainerClient, options: { abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    options.signal?.throwIfAborted();
    client ??= connect();
    const container = await client;
    return azureCall('blob', new URL(container.url).host, options, (abort) => work(container, abort));
  }

  async function remove(name: string, options: Cancelable): Promise<void> {
    await call(options, (container, abort) => container.getBlockBlobClient(name).deleteIfExists(abort));
  }

  return {
    async put(name, text, options) {
      const bytes = Buffer.from(text);
      await call(options, async (container, abort) => {
        const upload = () => container.getBlockBlobClient(name).upload(bytes, bytes.length, abort);
        try {
          await upload();
        } catch (error) {
          if (serviceError(error).code !== 'ContainerNotFound') throw error;
          await container.createIfNotExists(abort);
          await upload();
        }
      });
    },

    get: (name, options) =>
      call(options, async (container, abort) => {
        try {
          return (await container.getBlockBlobClient(name).downloadToBuffer(0, undefined, abort)).toString();
        } catch (error) {
          if (serviceError(error).statusCode === 404) return undefined;
          throw error;
        }
      }),

    remove,

    async clear(folder, options) {
      const names = await call(options, async (container, abort) => {
        const found: string[] = [];
        try {
          for await (const { name } of container.listBlobsFlat({ ...abort, prefix: `${folder}/` })) found.push(name);
        } catch (error) {
          if (serviceError(error).statusCode !== 404) throw error;
        }
        return found;
      });
      for (const name of names) await remove(name, options);
    },
  };
}
