import type { TokenCredential } from '@azure/identity';
import type * as BlobSdk from '@azure/storage-blob';
import type { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { ErrandError } from '../contract/errors.ts';

/** How the storage account is reached: with its key, or as an identity. `endpoint` is like `https://account.blob.core.windows.net`. */
export type BlobConnection = { connectionString: string } | { endpoint: string; credential: TokenCredential };

export interface BlobAccount {
  sdk: typeof BlobSdk;
  service: BlobServiceClient;
  /** Signs URLs; undefined where an identity does. */
  key: StorageSharedKeyCredential | undefined;
}

/**
 * The SDK's tries beyond the first come after 0, 0.25 and 0.75 seconds: whoever waits for us tries again in longer intervals. A try has two
 * minutes, enough for the largest executable at 20 Mbit/s.
 */
const retryOptions = { maxTries: 4, retryDelayInMs: 250, maxRetryDelayInMs: 5_000, tryTimeoutInMs: 120_000 };

/** Opens the account when it is first used, since loading the SDK takes a third of a second. Throws `invalidConfiguration`. */
export function blobAccount(connection: BlobConnection): () => Promise<BlobAccount> {
  let opened: Promise<BlobAccount> | undefined;
  return () => {
    opened ??= open(connection);
    return opened;
  };
}

/** Where the account is, for messages: its address, or its name. */
export function accountPlace(connection: BlobConnection): string {
  if ('endpoint' in connection) return connection.endpoint;
  const { connectionString } = connection;
  return (
    /(?:^|;)\s*BlobEndpoint=([^;]+)/i.exec(connectionString)?.[1] ??
    /(?:^|;)\s*AccountName=([^;]+)/i.exec(connectionString)?.[1] ??
    'the configured account'
  );
}

async function open(connection: BlobConnection): Promise<BlobAccount> {
  const sdk = await import('@azure/storage-blob');
  if ('endpoint' in connection) {
    const endpoint = connection.endpoint.replace(/\/+$/, '');
    if (!URL.canParse(endpoint))
      throw new ErrandError(
        'invalidConfiguration',
        `The address of Blob storage is not a URL: ${JSON.stringify(endpoint)}. It is like https://<account>.blob.core.windows.net.`,
      );
    return {
      sdk,
      service: new sdk.BlobServiceClient(endpoint, connection.credential, { retryOptions }),
      key: undefined,
    };
  }
  const service = fromConnectionString(sdk, connection.connectionString);
  if (!(service.credential instanceof sdk.StorageSharedKeyCredential))
    throw new ErrandError(
      'invalidConfiguration',
      'The connection string of the storage account has no AccountKey, with which URLs are signed for runners. Copy the whole string from the account, or configure its endpoint and an identity.',
    );
  return { sdk, service, key: service.credential };
}

/** What the SDK says about a bad connection string may quote it, key and all. */
function fromConnectionString(sdk: BlobAccount['sdk'], connectionString: string): BlobServiceClient {
  try {
    return sdk.BlobServiceClient.fromConnectionString(connectionString, { retryOptions });
  } catch {
    throw new ErrandError(
      'invalidConfiguration',
      'The connection string of the storage account cannot be read. It is like DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net.',
    );
  }
}
