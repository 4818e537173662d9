import { ErrandError } from '../contract/errors.ts';
import { settingOf } from './azure-setting-names.ts';
import type { Environment } from './config.ts';

/** Where the storage account is, and what in it is ours. */
export interface AzureStorageConfig {
  /** With its keys, or, as an identity, by the addresses of its services. */
  account: { connectionString: string } | { blobs: string; queues: string; tables: string };
  tasksContainer: string;
  exchangesContainer: string;
  tablePrefix: string;
  queue: string;
  /** Address of the blob service as runners see it, where it differs from ours. */
  runnerBlobEndpoint: string | undefined;
}

export const defaultQueue = 'errand-work';

/** Name of the storage account: 3 to 24 lower-case letters and digits. Source: https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name */
const accountPattern = /^[a-z0-9]{3,24}$/;

/** Reads what concerns storage. What is missing is added to `missing`, in words for people. */
export function azureStorageConfig(from: Environment, missing: string[]): AzureStorageConfig {
  return {
    account: accountOf(from, missing),
    tasksContainer: settingOf(from, 'ERRAND_TASKS_CONTAINER') ?? 'tasks',
    exchangesContainer: settingOf(from, 'ERRAND_EXCHANGES_CONTAINER') ?? 'errand',
    tablePrefix: settingOf(from, 'ERRAND_TABLE_PREFIX') ?? 'errand',
    queue: settingOf(from, 'ERRAND_QUEUE') ?? defaultQueue,
    runnerBlobEndpoint: settingOf(from, 'ERRAND_RUNNER_BLOB_ENDPOINT'),
  };
}

/** Addresses go before keys: who has set them wants no keys. */
function accountOf(from: Environment, missing: string[]): AzureStorageConfig['account'] {
  const account = settingOf(from, 'ERRAND_STORAGE_ACCOUNT');
  if (account !== undefined && !accountPattern.test(account))
    throw new ErrandError(
      'invalidConfiguration',
      `ERRAND_STORAGE_ACCOUNT is ${JSON.stringify(account)}, and the name of a storage account is 3 to 24 lower-case letters and digits`,
    );
  const address = (kind: 'blob' | 'queue' | 'table') =>
    account === undefined ? undefined : `https://${account}.${kind}.core.windows.net`;
  const blobs = settingOf(from, 'ERRAND_BLOB_ENDPOINT') ?? address('blob');
  const queues = settingOf(from, 'ERRAND_QUEUE_ENDPOINT') ?? address('queue');
  const tables = settingOf(from, 'ERRAND_TABLE_ENDPOINT') ?? address('table');
  if (blobs !== undefined && queues !== undefined && tables !== undefined)
    return { blobs: trimmed(blobs), queues: trimmed(queues), tables: trimmed(tables) };
  const connectionString = settingOf(from, 'ERRAND_STORAGE_CONNECTION_STRING');
  if (connectionString !== undefined) return { connectionString };
  missing.push(
    'ERRAND_STORAGE_ACCOUNT (as an identity), or ERRAND_STORAGE_CONNECTION_STRING ("az storage account show-connection-string")',
  );
  return { connectionString: '' };
}

/** As Azure gives them they end with a slash. */
function trimmed(address: string): string {
  return address.replace(/\/+$/, '');
}
