import { ContainerInstanceManagementClient } from '@azure/arm-containerinstance';

import { type AzureHarness, resourceGroup, subscriptionId } from './azure-harness.ts';

/** The SDK as it comes, on the harness's emulator. */
export function plainClient({ emulator }: Pick<AzureHarness, 'emulator'>): ContainerInstanceManagementClient {
  const client = new ContainerInstanceManagementClient({ getToken: async () => null }, subscriptionId, {
    endpoint: emulator.url,
    allowInsecureConnection: true,
  });
  client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
  return client;
}

/** Puts a group there that somebody else has made. */
export async function occupyGroup(
  harness: Pick<AzureHarness, 'emulator'>,
  name: string,
  image: string,
): Promise<{ untouched(): Promise<boolean> }> {
  const client = plainClient(harness);
  await client.containerGroups.beginCreateOrUpdateAndWait(
    resourceGroup,
    name,
    {
      location: 'westus',
      osType: 'Linux',
      restartPolicy: 'Never',
      containers: [
        { name: 'foreign', image, command: ['sleep', '100'], resources: { requests: { cpu: 1, memoryInGB: 1 } } },
      ],
    },
    { updateIntervalInMs: 50 },
  );
  return {
    untouched: async () => {
      const { instanceView } = await client.containerGroups.get(resourceGroup, name);
      return instanceView?.state === 'Running';
    },
  };
}
