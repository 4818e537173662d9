import type { Clock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { azureConfig, type AzureConfig } from '../azure-config.ts';
import { composeAzure, type AzureErrand } from '../compose-azure.ts';
import type { Environment } from '../config.ts';
import { azureCredential } from '../azure-credential.ts';
import { armAddress } from './arm-address.ts';
import { azureDoorStep } from './azure-door.ts';
import { identityStep } from './azure-identity.ts';
import { azurePlatformSteps } from './azure-platform.ts';
import { azureStorageSteps, blobAddress } from './azure-storage.ts';
import { clockStep, type TimeTeller } from './clock-skew.ts';
import { configurationStep, unreadable } from './configuration-step.ts';
import type { Step } from './finding.ts';

/** Azure takes signatures and tokens of clocks that are off by no more. */
const azureSkewMs = 15 * 60_000;

/** What Errand on Azure needs, asked as whoever runs this. `close` gives back what was opened. */
export async function azurePlan(
  from: Environment,
  clock: Clock,
): Promise<{ steps: readonly Step[]; close(): Promise<void> }> {
  let config: AzureConfig;
  let errand: AzureErrand;
  try {
    config = azureConfig(from);
    // With a key given, none is made and kept in the tables. This one seals nothing.
    errand = await composeAzure({ ...config, secretKey: new Uint8Array(32) }, { logger: silentLogger, clock });
  } catch (error) {
    return { steps: [unreadable(error)], close: async () => {} };
  }
  const { subscriptionId, resourceGroup, driver } = config;
  const where =
    driver === 'docker' ? 'containers of Docker' : `container groups in ${resourceGroup} of ${subscriptionId}`;
  const credential = azureCredential(config.clientId);
  return {
    steps: [
      configurationStep(`every setting is valid; runs are ${where}`),
      azureDoorStep(config, clock),
      identityStep(config, credential),
      ...azureStorageSteps(config, errand, { clock, credential }),
      ...azurePlatformSteps(config, errand.context.driver, { clock, credential }),
      clockStep(tellers(config), clock),
    ],
    close: errand.close,
  };
}

function tellers(config: AzureConfig): TimeTeller[] {
  const addresses = [
    { name: 'Blob storage', url: blobAddress(config.storage.account) },
    ...(config.driver === 'docker' ? [] : [{ name: 'Resource Manager', url: armAddress(config) }]),
  ];
  return addresses.map(({ name, url }) => ({
    name,
    refusesAfterMs: azureSkewMs,
    // Without a credential it is refused, and says when.
    ask: async (signal) => {
      const response = await fetch(url, { signal, redirect: 'manual' });
      await response.body?.cancel();
      return response.headers.get('date') ?? undefined;
    },
  }));
}
