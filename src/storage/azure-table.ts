import type { TableClient, TableEntityResult } from '@azure/data-tables';
import type { Cancelable } from '../core/ports/storage.ts';
import { azureCall, tryTimeoutMs } from './azure-call.ts';
import { tableClient, type AzureConnection, type RetryOptions } from './azure-connection.ts';
import { serviceError } from './azure-errors.ts';

export interface Key {
  partitionKey: string;
  rowKey: string;
}

export type Entity = Key & Record<string, string | number | boolean>;

/** As read: what is in it is for its reader to check. Keys are missing where `select` leaves them out. */
export type StoredEntity = Readonly<Record<string, unknown>> & { etag: string };

export interface Selection {
  /** Properties to read; all where it is not given. */
  select?: readonly string[];
}

/**
 * One table. Conditions that do not hold are answers, not errors; the table is made by the first write that misses it. Retries of the SDK may
 * turn an own success into a condition that does not hold: whoever cares marks its writes and reads back.
 */
export interface Table {
  get(key: Key, options: Cancelable & Selection): Promise<StoredEntity | undefined>;
  /** The ETag, or undefined where the key is taken. */
  insert(entity: Entity, options: Cancelable): Promise<string | undefined>;
  /** The ETag, or undefined where what is stored has another one, or is gone. */
  replace(entity: Entity, etag: string, options: Cancelable): Promise<string | undefined>;
  /** Writes, whatever is there. Answers with the ETag. */
  upsert(entity: Entity, options: Cancelable): Promise<string>;
  /** False where what is stored has another ETag. Not there is fine. */
  remove(key: Key, options: Cancelable & { etag?: string }): Promise<boolean>;
  /** In the order of their keys, a page at a time; a page may be empty. */
  pages(filter: string, options: Cancelable & Selection & { pageSize?: number }): AsyncIterable<StoredEntity[]>;
}

interface CallOptions {
  abortSignal?: AbortSignal;
  requestOptions: { timeout: number };
}

/** The most that the service gives in one page. */
const largestPage = 1_000;

export function azureTable(connection: AzureConnection, name: string, retries: RetryOptions): Table {
  let client: Promise<TableClient> | undefined;

  async function call<T>(
    options: Cancelable,
    work: (client: TableClient, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    options.signal?.throwIfAborted();
    client ??= tableClient(connection, name, retries);
    const table = await client;
    return azureCall('table', new URL(table.url).host, options, (abort) =>
      work(table, { ...abort, requestOptions: { timeout: tryTimeoutMs } }),
    );
  }

  /** What came of a write; `undefined` for statuses that are answers. */
  function write<T>(
    options: Cancelable,
    answers: readonly number[],
    work: (client: TableClient, options: CallOptions) => Promise<T>,
  ): Promise<T | undefined> {
    return call(options, async (table, abort) => {
      const attempt = (): Promise<T | undefined> =>
        work(table, abort).catch((error: unknown) => {
          const { statusCode, code } = serviceError(error);
          if (code !== 'TableNotFound' && statusCode !== undefined && answers.includes(statusCode)) return undefined;
          throw error;
        });
      try {
        return await attempt();
      } catch (error) {
        if (serviceError(error).code !== 'TableNotFound') throw error;
        await table.createTable(abort);
        return attempt();
      }
    });
  }

  return {
    get: ({ partitionKey, rowKey }, { select, ...options }) =>
      call(options, async (table, abort) => {
        try {
          return await table.getEntity(partitionKey, rowKey, {
            ...abort,
            ...(select === undefined ? {} : { queryOptions: { select: [...select] } }),
          });
        } catch (error) {
          if (serviceError(error).statusCode === 404) return undefined;
          throw error;
        }
      }),

    insert: async (entity, options) =>
      (await write(options, [409], (table, abort) => table.createEntity(entity, abort)))?.etag,

    replace: async (entity, etag, options) =>
      (await write(options, [404, 412], (table, abort) => table.updateEntity(entity, 'Replace', { ...abort, etag })))
        ?.etag,

    upsert: async (entity, options) => {
      const written = await write(options, [], (table, abort) => table.upsertEntity(entity, 'Replace', abort));
      return written?.etag ?? '';
    },

    remove: ({ partitionKey, rowKey }, { etag = '*', ...options }) =>
      call(options, async (table, abort) => {
        try {
          await table.deleteEntity(partitionKey, rowKey, { ...abort, etag });
          return true;
        } catch (error) {
          const { statusCode } = serviceError(error);
          if (statusCode === 412) return false;
          if (statusCode === 404) return true;
          throw error;
        }
      }),

    async *pages(filter, { select, pageSize = largestPage, ...options }) {
      const queryOptions = { filter, ...(select === undefined ? {} : { select: [...select] }) };
      const pages = await call(options, async (table, abort) =>
        table
          .listEntities({ ...abort, queryOptions })
          .byPage({ maxPageSize: Math.min(Math.max(pageSize, 1), largestPage) }),
      );
      for (;;) {
        const next = await call(
          options,
          async (): Promise<IteratorResult<TableEntityResult<Record<string, unknown>>[]>> => {
            try {
              return await pages.next();
            } catch (error) {
              if (serviceError(error).code === 'TableNotFound') return { done: true, value: undefined };
              throw error;
            }
          },
        );
        if (next.done === true) return;
        yield next.value;
      }
    },
  };
}
