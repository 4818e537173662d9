import { describe, expect, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { azureContainerInstances } from '../../src/runners/azure-container-instances.ts';
import { runnerDriverConformance } from '../../src/testing/runner-driver-conformance.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { ensureBusyboxImage } from '../support/images.ts';
import { azureHarness, resourceGroup } from './support/azure-harness.ts';
import { occupyGroup } from './support/occupy-group.ts';

describeWithDocker('azure-container-instances', () => {
  runnerDriverConformance(
    { describe, test, expect },
    'azure-container-instances',
    async () => {
      const image = await ensureBusyboxImage(dockerClient(dockerHost()));
      const harness = await azureHarness({ image });
      return {
        ...harness,
        second: azureContainerInstances(harness.options),
        tellsNoEnds: 'Resource Manager has no such event; the result in the exchange is one',
        occupy: async (name) => occupyGroup(harness, name, image),
      };
    },
    () =>
      azureContainerInstances({
        subscriptionId: 'none',
        resourceGroup,
        // Port 9 of this machine: nobody listens there.
        connection: { endpoint: 'http://127.0.0.1:9', allowInsecure: true },
        places: [{ region: 'westus' }],
        identities: [],
        registries: [],
        runnerScript: 'runner-image/script-runner.sh',
        clock: systemClock,
        logger: silentLogger,
      }),
  );
});
