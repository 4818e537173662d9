import type { Usage } from './quota.ts';

/** What a subscription uses up in a region, in the form of the service. */
export function usages(used: Usage, limits: Usage): object {
  const entry = (value: string, localizedValue: string, currentValue: number, limit: number): object => ({
    unit: 'Count',
    currentValue,
    limit,
    name: { value, localizedValue },
  });
  return {
    value: [
      entry('ContainerGroups', 'Container Groups', used.groups, limits.groups),
      entry('StandardCores', 'Standard Cores', used.cores, limits.cores),
    ],
  };
}

/** How large a group may be in a region. */
export function capabilities(region: string): object {
  return {
    value: [
      {
        resourceType: 'containerGroups',
        osType: 'Linux',
        location: region,
        ipAddressType: 'Public',
        gpu: 'None',
        capabilities: { maxMemoryInGB: 240, maxCpu: 31, maxGpuCount: 0 },
      },
    ],
  };
}

/** What the provider can do, for tools that ask. */
export function operations(): object {
  const rights = ['read', 'write', 'delete', 'start/action', 'stop/action', 'restart/action'];
  return {
    value: rights.map((right) => ({
      name: `Microsoft.ContainerInstance/containerGroups/${right}`,
      display: { provider: 'Microsoft Container Instance', resource: 'Container Group', operation: right },
      origin: 'User',
    })),
  };
}
