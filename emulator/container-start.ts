import type { ContainerStart, EngineGroup, EngineVolume } from './engine.ts';
import type { Group } from './group.ts';
import type { ContainerSpec, InitContainerSpec } from './group-spec.ts';
import { metadataEndpoint } from './metadata-endpoint.ts';
import type { DeploymentServices } from './services.ts';

/** What a container is started with; everything in the clear. */
export function containerStart(container: InitContainerSpec | ContainerSpec, start = 1): ContainerStart {
  const { name, properties } = container;
  const resources = 'resources' in properties ? properties.resources : undefined;
  const variables = properties.environmentVariables ?? [];
  return {
    name,
    image: properties.image,
    command: properties.command ?? [],
    environment: Object.fromEntries(variables.map((item) => [item.name, item.secureValue ?? item.value ?? ''])),
    mounts: (properties.volumeMounts ?? []).map((mount) => ({
      volume: mount.name,
      path: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: mount.readOnly ?? false,
    })),
    cpu: resources?.limits?.cpu ?? resources?.requests.cpu,
    memoryInGB: resources?.limits?.memoryInGB ?? resources?.requests.memoryInGB,
    start,
  };
}

export function engineGroup(group: Group, { clock, random, switches }: DeploymentServices): EngineGroup {
  const { spec, identities } = group;
  const volumes = (spec.properties.volumes ?? []).map(({ name, secret }): [string, EngineVolume] => {
    if (secret === undefined) return [name, { kind: 'emptyDir' }];
    const files = Object.entries(secret).map(([file, content]) => [file, Buffer.from(content, 'base64')] as const);
    return [name, { kind: 'secret', files: new Map(files) }];
  });
  const first = spec.properties.initContainers?.[0] ?? spec.properties.containers[0];
  if (first === undefined) throw new Error(`The group ${group.name} has no container`);
  return {
    name: group.name,
    resourceGroup: group.resourceGroup,
    region: group.region,
    tags: spec.tags ?? {},
    volumes: new Map(volumes),
    metadata: identities.length === 0 ? undefined : metadataEndpoint(identities, { clock, random }),
    identityDelayMs: switches.get('identityDelayMs'),
    first: containerStart(first, (group.containers.get(first.name)?.starts ?? 0) + 1),
  };
}
