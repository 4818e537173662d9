import type { TokenCredential } from '@azure/identity';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Place, RunnerDriver } from '../../core/ports/runner-driver.ts';
import { azureArm, type Arm } from '../../runners/azure-arm.ts';
import { checkRegion, checkResourceGroup, type RegionUsage } from '../../runners/azure-check.ts';
import type { AzureConfig } from '../azure-config.ts';
import { identityName } from './azure-identity.ts';
import { ok, warn, type Said, type Step } from './finding.ts';

const groupName = 'resource group';
const requestMs = 8_000;
/** From here on a quota is said to be nearly used up. */
const nearlyAll = 0.9;

/** That there is a place for container groups, and room in it. */
export function azurePlatformSteps(
  config: AzureConfig,
  driver: RunnerDriver,
  { clock, credential }: { clock: Clock; credential: TokenCredential },
): Step[] {
  if (config.driver === 'docker')
    return [
      {
        name: 'Docker',
        look: async (signal) => {
          await driver.check({ signal });
          return [ok('it can be used')];
        },
      },
    ];
  const { armEndpoint, subscriptionId, resourceGroup } = config;
  const warnings: Said[] = [];
  const arm = azureArm({
    connection:
      armEndpoint?.startsWith('http:') === true
        ? { endpoint: armEndpoint, allowInsecure: true }
        : { endpoint: armEndpoint, credential },
    subscriptionId,
    requestMs,
    clock,
    logger: collecting(warnings),
  });
  return [
    {
      name: groupName,
      needs: [identityName],
      look: async (signal) => {
        await checkResourceGroup(arm, resourceGroup, { signal });
        return [
          ok(`${resourceGroup} can be read; that groups may be created in it shows with the first run`),
          ...warnings.splice(0),
        ];
      },
    },
    ...driver.capabilities.places.map((place) => regionStep(arm, place, warnings)),
  ];
}

function regionStep(arm: Arm, place: Place, warnings: Said[]): Step {
  return {
    name: `region ${place.name}`,
    needs: [groupName],
    look: async (signal) => {
      const usages = await checkRegion(arm, place, collecting(warnings), { signal });
      return [...usagesSaid(usages), ...warnings.splice(0)];
    },
  };
}

function usagesSaid(usages: readonly RegionUsage[]): Said[] {
  const ours = usages.filter(({ quota }) => quota === 'ContainerGroups' || quota === 'StandardCores');
  if (ours.length === 0) return [];
  const what = ours.map(({ quota, used, limit }) => `${quota} ${used} of ${limit}`).join(', ');
  if (ours.every(({ used, limit }) => used < limit * nearlyAll)) return [ok(what)];
  return [
    warn(
      what,
      'Runs wait while there is no room. Name another region in ERRAND_REGIONS, delete groups that nobody needs, or ask Azure for more quota.',
    ),
  ];
}

/** What drivers only mention when a server starts is what people look for here. Their messages say how to mend it. */
function collecting(into: Said[]): Logger {
  const add = (_: object, message: string): void => void into.push(warn(message));
  return { debug: () => {}, info: add, warn: add, error: add };
}
