import { ArmError } from './arm-error.ts';
import type { Group } from './group.ts';
import { totalResources } from './group-spec.ts';
import type { GroupSpec } from './group-spec.ts';
import type { Admission } from './rate-limit.ts';
import type { DeploymentServices } from './services.ts';

export function groupNotFound(resourceGroup: string, name: string): ArmError {
  return new ArmError(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.ContainerInstance/containerGroups/${name}' under resource group '${resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

export function transitioning(name: string): ArmError {
  return new ArmError(
    409,
    'ContainerGroupTransitioning',
    `The container group '${name}' is still transitioning, please retry later.`,
  );
}

/** `Retry-After` has whole seconds, and 0 would mean at once. */
function retryAfter(waitMs: number, { clock, switches }: DeploymentServices): Record<string, string> {
  const factor = switches.get('retryAfterInRealTime') ? (clock.factor ?? 1) : 1;
  return { 'retry-after': String(Math.max(Math.ceil(waitMs / 1000 / factor), 1)) };
}

export function throttled(admission: Pick<Admission, 'waitMs' | 'headers'>, services: DeploymentServices): ArmError {
  return new ArmError(
    429,
    'TooManyRequests',
    'The number of requests of this kind for the subscription and location is exceeded. Please try again later.',
    { ...admission.headers, ...retryAfter(admission.waitMs, services) },
  );
}

export function brokenServer(services: DeploymentServices): ArmError {
  const waitMs = services.switches.get('retryAfterSeconds') * 1000;
  return services.random.next() < 0.5
    ? new ArmError(500, 'InternalServerError', 'An internal error occurred.')
    : new ArmError(503, 'ServerBusy', 'The server is busy. Please retry later.', retryAfter(waitMs, services));
}

/** Throws for what may befall a well-formed PUT before the image is looked at. */
export function checkRegion(spec: GroupSpec, region: string, { switches }: DeploymentServices): void {
  const { cpu, memoryInGB } = totalResources(spec);
  if (switches.strikes('regionFull', region)) {
    throw new ArmError(
      409,
      'ServiceUnavailable',
      `The requested resource is not available in the location '${region}' at this moment. Please retry with a different resource request or in another location. Resource requested: '${cpu}' CPU '${memoryInGB}' GB memory 'Linux' OS`,
    );
  }
  const image = spec.properties.containers[0]?.properties.image ?? '';
  const server =
    image.includes('/') && /[.:]/.test(image.split('/')[0] ?? '') ? image.split('/')[0] : 'index.docker.io';
  if (switches.strikes('registryError', region)) {
    throw new ArmError(
      409,
      'RegistryErrorResponse',
      `An error response is received from the docker registry '${server}'. Please retry later.`,
    );
  }
}

/** Throws where an image of the group cannot be had. */
export async function checkImages(
  spec: GroupSpec,
  name: string,
  region: string,
  services: DeploymentServices,
): Promise<void> {
  const containers = [...spec.properties.containers, ...(spec.properties.initContainers ?? [])];
  const struck = services.switches.strikes('inaccessibleImage', region);
  for (const image of new Set(containers.map((container) => container.properties.image))) {
    if (!struck && (await services.engine.hasImage(image))) continue;
    throw new ArmError(
      400,
      'InaccessibleImage',
      `The image '${image}' in container group '${name}' is not accessible. Please check the image and registry credential.`,
    );
  }
}

/** Throws while a group changes, or where the service only says so. */
export function checkSettled(group: Group, { switches }: DeploymentServices): void {
  const changes = group.deleting || group.deployment?.changing === true;
  if ((changes && switches.get('transitioningWhileChanging')) || switches.strikes('transitioning', group.region))
    throw transitioning(group.name);
}
