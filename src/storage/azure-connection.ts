import type { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import type { ContainerClient } from '@azure/storage-blob';
import { ErrandError } from '../contract/errors.ts';

/** How to reach a storage account: by its keys, or as an identity. `ca`: a certificate (PEM) to trust beside the public ones. */
export type AzureConnection =
  | { connectionString: string }
  | {
      /** Of the table service: `https://<account>.table.core.windows.net`. */
      endpoint: string;
      credential: TokenCredential;
      ca?: string | undefined;
    };

export interface RetryOptions {
  /** Tries after the first one. */
  maxRetries: number;
  /** Before the second try, in milliseconds; doubles each time. An answer's `Retry-After` goes before it. */
  retryDelayInMs: number;
  maxRetryDelayInMs: number;
}

export const defaultRetries: RetryOptions = { maxRetries: 4, retryDelayInMs: 200, maxRetryDelayInMs: 4_000 };

/** The client of a table. The SDK is loaded here, with the first one. */
export async function tableClient(
  connection: AzureConnection,
  name: string,
  retryOptions: RetryOptions,
): Promise<TableClient> {
  const { TableClient } = await import('@azure/data-tables');
  if ('connectionString' in connection) {
    const { connectionString } = connection;
    return readable(() =>
      TableClient.fromConnectionString(connectionString, name, {
        retryOptions,
        allowInsecureConnection: /http:\/\/|UseDevelopmentStorage/.test(connectionString),
      }),
    );
  }
  const { endpoint, credential } = connection;
  return new TableClient(endpoint, name, credential, { retryOptions, ...trust(connection) });
}

/** The client of the blob container for texts that no entity has room for. */
export async function containerClient(
  connection: AzureConnection,
  { endpoint, container }: { endpoint: string | undefined; container: string },
  retryOptions: RetryOptions,
): Promise<ContainerClient> {
  const { BlobServiceClient } = await import('@azure/storage-blob');
  const { maxRetries, ...delays } = retryOptions;
  const options = { retryOptions: { maxTries: maxRetries + 1, ...delays } };
  if ('connectionString' in connection) {
    const { connectionString } = connection;
    return readable(() => BlobServiceClient.fromConnectionString(connectionString, options)).getContainerClient(
      container,
    );
  }
  const service = new BlobServiceClient(endpoint ?? blobEndpoint(connection.endpoint), connection.credential, {
    ...options,
    ...trust(connection),
  });
  return service.getContainerClient(container);
}

/** The blob service of the account whose table service this is. Throws where the address does not tell. */
export function blobEndpoint(tableEndpoint: string): string {
  if (!URL.canParse(tableEndpoint))
    throw new ErrandError(
      'invalidConfiguration',
      `${JSON.stringify(tableEndpoint)} is no address: the endpoint of the tables is https://<account>.table.core.windows.net.`,
    );
  const url = new URL(tableEndpoint);
  if (url.hostname.includes('.table.')) {
    url.hostname = url.hostname.replace('.table.', '.blob.');
    return url.href;
  }
  throw new ErrandError(
    'invalidConfiguration',
    `${url.host} does not tell where the blobs of its storage account are: give the endpoint of the blob service, too.`,
  );
}

function trust({ ca }: { ca?: string | undefined }): { tlsOptions?: { ca: string } } {
  return ca === undefined ? {} : { tlsOptions: { ca } };
}

/** The SDK's own message may quote the string, which holds a key. */
function readable<T>(make: () => T): T {
  try {
    return make();
  } catch {
    throw new ErrandError(
      'invalidConfiguration',
      'The connection string of the storage account cannot be read. Copy it once more from "Access keys" of the account; it starts with DefaultEndpointsProtocol=.',
    );
  }
}
