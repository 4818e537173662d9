import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ContainerInstanceManagementClient } from '@azure/arm-containerinstance';

import { systemClock } from '../../../src/core/clock.ts';
import type { Context } from '../../../src/core/context.ts';
import { StartRefused, NoCapacity, type RunnerDriver } from '../../../src/core/ports/runner-driver.ts';
import { packageRoot } from '../../../src/entry/package-root.ts';
import { toContainerGroup } from '../../../src/runners/azure-container-group.ts';
import { azureContainerInstances } from '../../../src/runners/azure-container-instances.ts';
import type { AzureContainerInstancesOptions } from '../../../src/runners/azure-settings.ts';
import type { Setting } from './crash-case.ts';

export const subscriptionId = '00000000-0000-4000-8000-000000000000';
export const resourceGroup = 'crash';
const runnerScript = join(packageRoot, 'runner-image', 'script-runner.sh');

/** The driver as `composeAzure` makes it, with times shortened as those of the policy are. */
export function shortAzureDriver(
  { dockerHost: endpoint }: Pick<Setting, 'dockerHost'>,
  { clock, logger }: Pick<Context, 'clock' | 'logger'>,
): RunnerDriver {
  return azureContainerInstances({ ...common, connection: { endpoint, allowInsecure: true }, clock, logger });
}

/** Room enough: what is looked for here is not how quotas are kept. */
const many = [{ count: 100_000, perMs: 1_000 }] as const;
const common: Omit<AzureContainerInstancesOptions, 'connection' | 'clock' | 'logger'> = {
  subscriptionId,
  resourceGroup,
  places: [{ region: 'West US', runners: 1_000, cpu: 1_000, creates: many, removals: many }],
  identities: [],
  registries: [],
  runnerScript,
  pollMs: 30,
  timeouts: { transitionMs: 50, requestMs: 5_000, deleteMs: 5_000, patienceMs: 20_000 },
};

/** An answer that did not come is taken for a PUT that did not happen, and the group is made once more without a look. */
export function putRepeated(context: Context, { dockerHost: endpoint }: Setting): Context {
  const { driver, clock } = context;
  return {
    ...context,
    driver: {
      ...driver,
      // As where deletes are budgeted: what was started again is seen to run.
      remove: async (name, options) => {
        await clock.sleep(1_500);
        return driver.remove(name, options);
      },
      create: async (spec, options) => {
        try {
          return await driver.create(spec, options);
        } catch (error) {
          if (error instanceof StartRefused || error instanceof NoCapacity) throw error;
          for (let looks = 0; looks < 200; looks += 1) {
            const { state } = await driver.observe(spec.name);
            if (state === 'exited' || (state === 'absent' && looks > 20)) break;
            await clock.sleep(50);
          }
          const client = new ContainerInstanceManagementClient({ getToken: async () => null }, subscriptionId, {
            endpoint,
            allowInsecureConnection: true,
          });
          client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
          const settings = { ...common, script: await readFile(runnerScript, 'utf8') };
          const created = new Date(systemClock.now()).toISOString();
          await client.containerGroups.beginCreateOrUpdate(
            resourceGroup,
            spec.name,
            toContainerGroup(spec, settings, created),
          );
          return {};
        }
      },
    },
  };
}
