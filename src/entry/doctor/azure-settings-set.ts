import { settingNameOf, settingOf, type AzureName } from '../azure-setting-names.ts';
import type { Environment } from '../config.ts';

/** Nobody sets one of these for a server on one machine. */
const telling: readonly AzureName[] = [
  'ERRAND_STORAGE_CONNECTION_STRING',
  'ERRAND_STORAGE_ACCOUNT',
  'ERRAND_BLOB_ENDPOINT',
  'ERRAND_RESOURCE_GROUP',
  'ERRAND_SUBSCRIPTION_ID',
];

/** Whether this environment is that of an Errand on Azure. */
export function hasAzureSettings(from: Environment): boolean {
  return (
    settingOf(from, 'ERRAND_DRIVER') === 'azure-container-instances' ||
    telling.some((each) => settingNameOf(from, each) !== undefined)
  );
}
