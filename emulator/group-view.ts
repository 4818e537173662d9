import type { ContainerStatus, Group } from './group.ts';
import { groupId } from './group.ts';
import type { EnvironmentVariable, GroupProperties, InitContainerSpec, VolumeSpec } from './group-spec.ts';
import { tenantId } from './identities.ts';

type Json = Record<string, unknown>;

/** Secure values are left out: no route ever returns them. */
function environmentView(variables: readonly EnvironmentVariable[] | undefined): Json[] {
  return (variables ?? []).map(({ name, value }) => (typeof value === 'string' ? { name, value } : { name }));
}

function instanceView({ restartCount, currentState, previousState, events }: ContainerStatus): Json {
  return { restartCount, currentState, ...(previousState === undefined ? {} : { previousState }), events };
}

function containerView(
  { name, properties }: InitContainerSpec & { properties: { ports?: unknown; resources?: unknown } },
  status: ContainerStatus | undefined,
): Json {
  const { image, command = [], environmentVariables, volumeMounts, ports, resources } = properties;
  return {
    name,
    properties: {
      image,
      command,
      // Containers that only prepare have neither.
      ...(resources === undefined ? {} : { ports: ports ?? [] }),
      environmentVariables: environmentView(environmentVariables),
      ...(status === undefined ? {} : { instanceView: instanceView(status) }),
      ...(resources === undefined ? {} : { resources }),
      ...(volumeMounts === undefined ? {} : { volumeMounts }),
    },
  };
}

function volumeView({ name, emptyDir, secret }: VolumeSpec): Json {
  return secret === undefined ? { name, emptyDir } : { name, secret: {} };
}

/** Properties that are returned as they came, where they came. */
const echoed = ['restartPolicy', 'osType', 'priority', 'subnetIds', 'dnsConfig'] as const;

function secretFree(properties: GroupProperties): Json {
  const { imageRegistryCredentials, volumes, diagnostics, ipAddress } = properties;
  const { workspaceKey: _, ...logAnalytics } = diagnostics?.logAnalytics ?? { workspaceId: '' };
  return {
    ...(imageRegistryCredentials === undefined
      ? {}
      : { imageRegistryCredentials: imageRegistryCredentials.map(({ password: _password, ...shown }) => shown) }),
    ...(volumes === undefined ? {} : { volumes: volumes.map(volumeView) }),
    ...(diagnostics?.logAnalytics === undefined ? {} : { diagnostics: { logAnalytics } }),
    ...(ipAddress === undefined ? {} : { ipAddress }),
  };
}

function identityView({ spec, identities, systemIdentity }: Group): Json | undefined {
  if (spec.identity === undefined) return undefined;
  const assigned = identities.filter(({ id }) => id !== undefined);
  const { type } = spec.identity;
  return {
    ...(type.includes('SystemAssigned') ? { principalId: systemIdentity.principalId, tenantId } : {}),
    type,
    ...(assigned.length === 0
      ? {}
      : {
          userAssignedIdentities: Object.fromEntries(
            assigned.map(({ id = '', principalId, clientId }) => [id, { principalId, clientId }]),
          ),
        }),
  };
}

/** A group as the ARM API returns it, secrets left out. Lists leave out the instance views as well. */
export function groupView(group: Group, { withInstanceView }: { withInstanceView: boolean }): Json {
  const { spec, containers, events, state, provisioningState } = group;
  const { properties } = spec;
  const status = (name: string): ContainerStatus | undefined => (withInstanceView ? containers.get(name) : undefined);
  const identity = identityView(group);
  return {
    properties: {
      sku: properties.sku ?? 'Standard',
      provisioningState,
      containers: properties.containers.map((container) => containerView(container, status(container.name))),
      initContainers: (properties.initContainers ?? []).map((container) =>
        containerView(container, status(container.name)),
      ),
      ...Object.fromEntries(echoed.filter((key) => properties[key] !== undefined).map((key) => [key, properties[key]])),
      ...(withInstanceView ? { instanceView: { events, state } } : {}),
      ...secretFree(properties),
    },
    ...(identity === undefined ? {} : { identity }),
    id: groupId(group),
    name: group.name,
    type: 'Microsoft.ContainerInstance/containerGroups',
    location: group.region,
    ...(spec.tags === undefined ? {} : { tags: spec.tags }),
    ...(spec.zones === undefined ? {} : { zones: spec.zones }),
  };
}
