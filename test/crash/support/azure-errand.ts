import { azureConfig } from '../../../src/entry/azure-config.ts';
import { composeAzure } from '../../../src/entry/compose-azure.ts';
import type { ComposeOptions, Errand } from '../../../src/entry/compose.ts';
import { resourceGroup, shortAzureDriver, subscriptionId } from './azure-driver.ts';
import { shortPolicy, type Setting } from './crash-case.ts';

/** Errand as a function app composes it, on the tables, blobs and queue of a case. */
export async function openAzureErrand(setting: Setting, options: ComposeOptions): Promise<Errand> {
  const { azure, data, dockerHost, driver } = setting;
  if (azure === undefined) throw new Error('a case on Azure storage needs the settings of its place');
  if (driver === 'dockerAzure') {
    // The driver reads where its engine is from the environment of its process; what it keeps for itself goes with the case.
    process.env['DOCKER_HOST'] = dockerHost;
    process.env['TMPDIR'] = data;
    return composeAzure({ ...azureConfig(azure.environment), policy: shortPolicy }, options);
  }
  const config = azureConfig({
    ...azure.environment,
    ERRAND_SUBSCRIPTION_ID: subscriptionId,
    ERRAND_RESOURCE_GROUP: resourceGroup,
    ERRAND_ARM_ENDPOINT: dockerHost,
  });
  const { decorate = (context) => context } = options;
  return composeAzure(
    { ...config, policy: shortPolicy },
    {
      ...options,
      decorate: (context) => decorate({ ...context, driver: shortAzureDriver(setting, context) }),
    },
  );
}
