import { ErrandError } from '../contract/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Place } from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { AzureAnswer } from './azure-answer.ts';
import type { Arm } from './azure-arm.ts';
import { classifyAnswer } from './azure-classify.ts';
import { unavailable } from './azure-observe.ts';

/** Proves that the resource group can be read, with the credential that there is. */
export async function checkResourceGroup(arm: Arm, resourceGroup: string, options: Cancelable): Promise<void> {
  const what = `list the container groups in ${resourceGroup}`;
  try {
    await arm.read(what, options, async (client, abortSignal) =>
      client.containerGroups.listByResourceGroup(resourceGroup, { abortSignal }).byPage().next(),
    );
  } catch (error) {
    if (!(error instanceof AzureAnswer)) throw error;
    const failure = classifyAnswer(error);
    if (failure.kind !== 'refused' && failure.kind !== 'absent') throw unavailable(what, error);
    const message = failure.kind === 'refused' ? failure.message : error.message;
    throw new ErrandError('invalidConfiguration', `Azure could not ${what}: ${message}`, { cause: error });
  }
}

/** What a subscription has used up of a quota in a region. */
export interface RegionUsage {
  /** `ContainerGroups`, `StandardCores`, … */
  quota: string;
  used: number;
  limit: number;
}

/**
 * Proves that a region is one, and compares its quota with the configuration. Quotas are the subscription's: where the identity may only see the resource group, that
 * is said and taken as it is: the answer is empty then.
 */
export async function checkRegion(arm: Arm, place: Place, logger: Logger, options: Cancelable): Promise<RegionUsage[]> {
  const what = `tell the quota of ${place.name}`;
  let usages;
  try {
    usages = await arm.read(what, options, async (client, abortSignal) => {
      const found = [];
      for await (const usage of client.location.listUsage(place.name, { abortSignal })) found.push(usage);
      return found;
    });
  } catch (error) {
    if (!(error instanceof AzureAnswer)) throw error;
    if (error.status === 403) {
      logger.info(
        { region: place.name },
        `The quota of ${place.name} cannot be read: assign the role Reader on the subscription to have it compared with the configuration`,
      );
      return [];
    }
    if (error.status === 429 || error.status >= 500) throw unavailable(what, error);
    throw new ErrandError(
      'invalidConfiguration',
      `Azure Container Instances is not to be had in the region ${place.name}: ${error.message} Name another; "az account list-locations" shows them all.`,
      { cause: error },
    );
  }
  const wanted: Readonly<Record<string, number | undefined>> = {
    ContainerGroups: place.runners,
    StandardCores: place.cpu,
  };
  for (const { name, limit } of usages) {
    const configured = wanted[name?.value ?? ''];
    if (limit === undefined || configured === undefined || configured <= limit) continue;
    logger.warn(
      { region: place.name, quota: name?.value, limit, configured },
      `The quota ${name?.value} of ${place.name} is ${limit}, less than the ${configured} that are configured: runs will be refused and tried elsewhere. Lower the figure, or ask Azure for more`,
    );
  }
  return usages.flatMap(({ name, currentValue: used, limit }) =>
    name?.value === undefined || used === undefined || limit === undefined ? [] : [{ quota: name.value, used, limit }],
  );
}
