import { ArmError } from './arm-error.ts';
import type { Group } from './group.ts';
import { totalResources } from './group-spec.ts';
import type { GroupSpec } from './group-spec.ts';

export interface Usage {
  readonly groups: number;
  readonly cores: number;
}

/** What the groups of a subscription use up in a region; ended groups count until they are deleted. */
export function usage(groups: Iterable<Group>, subscription: string, region: string): Usage {
  let count = 0;
  let cores = 0;
  for (const group of groups) {
    if (group.region !== region || group.subscription !== subscription) continue;
    count += 1;
    cores += totalResources(group.spec).cpu;
  }
  return { groups: count, cores };
}

function exceeded(quota: string, region: string, limit: number, used: number, requested: number): string {
  return `Resource type 'Microsoft.ContainerInstance/containerGroups' container group quota '${quota}' exceeded in region '${region}'. Limit: '${limit}', Usage: '${used}' Requested: '${requested}'.`;
}

/** Throws where one more group of this size is too much. */
export function checkQuota(used: Usage, limits: Usage, spec: GroupSpec, region: string): void {
  const { cpu } = totalResources(spec);
  if (used.groups + 1 > limits.groups)
    throw new ArmError(
      400,
      'ContainerGroupQuotaReached',
      exceeded('ContainerGroups', region, limits.groups, used.groups, 1),
    );
  if (used.cores + cpu > limits.cores)
    throw new ArmError(409, 'ServiceUnavailable', exceeded('StandardCores', region, limits.cores, used.cores, cpu));
}
