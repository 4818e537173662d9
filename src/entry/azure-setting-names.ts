import type { Environment } from './config.ts';

/** The settings that have another name as well: first those of the published configuration, then those that the Functions host has for the same. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  ERRAND_STORAGE_CONNECTION_STRING: ['StorageConnectionString', 'StorageConnetionString', 'AzureWebJobsStorage'],
  ERRAND_NAME_PREFIX: ['ContainerGroupNamePrefix'],
  ERRAND_CONTAINER_NAME_PREFIX: ['ContainerInstanceNamePrefix'],
  ERRAND_RESOURCE_GROUP: ['ResourceGroupName'],
  ERRAND_DEFAULT_IDENTITY: ['UserAssignedManagedServiceIdentityId', 'UserAssignedManagedIdentityId'],
  ERRAND_TASKS_CONTAINER: ['TaskDefinitionContainerName'],
  ERRAND_BLOB_ENDPOINT: ['AzureWebJobsStorage__blobServiceUri'],
  ERRAND_QUEUE_ENDPOINT: ['AzureWebJobsStorage__queueServiceUri'],
  ERRAND_TABLE_ENDPOINT: ['AzureWebJobsStorage__tableServiceUri'],
  ERRAND_CLIENT_ID: ['AzureWebJobsStorage__clientId', 'AZURE_CLIENT_ID'],
};

/** Every setting that Errand reads on Azure, by its own name. docs/configuration.md and the deployment are held against this list. */
export const azureNames = [
  'ERRAND_STORAGE_CONNECTION_STRING',
  'ERRAND_STORAGE_ACCOUNT',
  'ERRAND_BLOB_ENDPOINT',
  'ERRAND_QUEUE_ENDPOINT',
  'ERRAND_TABLE_ENDPOINT',
  'ERRAND_RUNNER_BLOB_ENDPOINT',
  'ERRAND_TASKS_CONTAINER',
  'ERRAND_EXCHANGES_CONTAINER',
  'ERRAND_TABLE_PREFIX',
  'ERRAND_QUEUE',
  'ERRAND_DRIVER',
  'ERRAND_SUBSCRIPTION_ID',
  'ERRAND_RESOURCE_GROUP',
  'ERRAND_REGIONS',
  'ERRAND_ARM_ENDPOINT',
  'ERRAND_IDENTITIES',
  'ERRAND_DEFAULT_IDENTITY',
  'ERRAND_REGISTRIES',
  'ERRAND_SUBNET_ID',
  'ERRAND_LOG_ANALYTICS_ID',
  'ERRAND_LOG_ANALYTICS_KEY',
  'ERRAND_PRIORITY',
  'ERRAND_TAGS',
  'ERRAND_NAME_PREFIX',
  'ERRAND_CONTAINER_NAME_PREFIX',
  'ERRAND_CLIENT_ID',
  'ERRAND_SECRET_KEY',
  'ERRAND_API_KEYS',
  'ERRAND_AUTH_LEVEL',
  'ERRAND_FUNCTION_KEY_SCOPES',
  'ERRAND_ENTRA_TENANT_ID',
  'ERRAND_ENTRA_AUDIENCE',
  'ERRAND_ENTRA_JWKS_URL',
  'ERRAND_ENTRA_CLIENTS',
  'ERRAND_PRICES_FILE',
  'ERRAND_WEBHOOK_HOSTS',
  'ERRAND_WEBHOOK_ALLOW_INTERNAL',
  'ERRAND_LOG_MAX_BYTES',
  'ERRAND_KEEP_DAYS',
  'ERRAND_LOG_LEVEL',
  'AZURE_FUNCTIONS_ENVIRONMENT',
] as const;

export type AzureName = (typeof azureNames)[number];

/** The name under which a setting is set: its own, else another that it has. Empty counts as not set. */
export function settingNameOf(from: Environment, name: AzureName): string | undefined {
  return [name, ...(otherNames[name] ?? [])].find((each) => (from[each] ?? '') !== '');
}

export function settingOf(from: Environment, name: AzureName): string | undefined {
  const set = settingNameOf(from, name);
  return set === undefined ? undefined : from[set];
}
