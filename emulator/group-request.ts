import { ArmError, invalidRequest } from './arm-error.ts';
import { demand, environment, list, name, noDoubles, oneOf, ports, record, secretFiles, tags, text } from './checks.ts';
import { totalResources } from './group-spec.ts';
import type { GroupSpec } from './group-spec.ts';

type Json = Readonly<Record<string, unknown>>;

/** Of one group, as published for Linux: CPUs and GB. */
const smallest = { cpu: 1, memoryInGB: 1 };
const largest = { cpu: 31, memoryInGB: 240 };
const mostContainers = 60;
const mostVolumes = 20;
const mostPorts = 5;

const identityId =
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/]+$/i;
const subnetId =
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/[^/]+$/i;
const imageName = /^[a-z0-9][\w.:/-]*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/i;

/** `West US` and `westus` are the same place. */
export function regionName(location: string): string {
  return location.replaceAll(/\s/g, '').toLowerCase();
}

function checkContainer(value: unknown, path: string, volumes: readonly string[]): Json {
  const container = record(value, path);
  name(container['name'], `${path}.name`);
  const properties = record(container['properties'], `${path}.properties`);
  const image = text(properties['image'], `${path}.properties.image`);
  if (!imageName.test(image)) throw new ArmError(400, 'InvalidImageName', `The image name '${image}' is not valid.`);
  const command = list(properties['command'], `${path}.properties.command`);
  demand(
    command.every((part) => typeof part === 'string'),
    `'${path}.properties.command' has to hold texts.`,
  );
  environment(properties['environmentVariables'], `${path}.properties.environmentVariables`);
  ports(properties['ports'], `${path}.properties.ports`);
  for (const item of list(properties['volumeMounts'], `${path}.properties.volumeMounts`)) {
    const mount = record(item, `${path}.properties.volumeMounts`);
    const volume = text(mount['name'], `${path}.properties.volumeMounts.name`);
    demand(volumes.includes(volume), `The volume '${volume}', which '${path}' mounts, is not a volume of the group.`);
    const target = text(mount['mountPath'], `${path}.properties.volumeMounts.mountPath`);
    demand(!target.includes(':'), `The mount path '${target}' contains a colon.`);
  }
  return properties;
}

function checkResources(properties: Json, path: string): void {
  const resources = record(properties['resources'], `${path}.properties.resources`);
  const requests = record(resources['requests'], `${path}.properties.resources.requests`);
  for (const key of ['cpu', 'memoryInGB']) {
    const amount = requests[key];
    demand(
      typeof amount === 'number' && amount > 0,
      `'${path}.properties.resources.requests.${key}' has to be a number above 0.`,
    );
  }
  demand(requests['gpu'] === undefined, 'GPUs are not available in this region.');
}

function checkVolumes(properties: Json): string[] {
  const volumes = list(properties['volumes'], 'properties.volumes').map((item) => record(item, 'properties.volumes'));
  const names = volumes.map((volume) => name(volume['name'], 'properties.volumes.name'));
  noDoubles(names, 'properties.volumes');
  demand(names.length <= mostVolumes, `A group has at most ${mostVolumes} volumes, not ${names.length}.`);
  for (const volume of volumes) {
    const kinds = ['emptyDir', 'secret', 'azureFile', 'gitRepo'].filter((kind) => volume[kind] !== undefined);
    demand(
      kinds.length === 1,
      `The volume '${String(volume['name'])}' needs one of emptyDir, secret, azureFile, gitRepo.`,
    );
    if (kinds[0] === 'secret') secretFiles(volume['secret'], `properties.volumes.${String(volume['name'])}.secret`);
    if (kinds[0] === 'azureFile' || kinds[0] === 'gitRepo')
      throw new ArmError(
        400,
        'NotEmulated',
        `The emulator has no volumes of the kind ${kinds[0]}; use emptyDir or secret.`,
      );
  }
  return names;
}

function checkIdentity(body: Json): string[] {
  if (body['identity'] === undefined) return [];
  const identity = record(body['identity'], 'identity');
  text(identity['type'], 'identity.type');
  oneOf(identity['type'], ['SystemAssigned', 'UserAssigned', 'SystemAssigned, UserAssigned', 'None'], 'identity.type');
  const ids = Object.keys(record(identity['userAssignedIdentities'] ?? {}, 'identity.userAssignedIdentities'));
  const wrong = ids.find((id) => !identityId.test(id));
  demand(wrong === undefined, `'${wrong}' is not the resource id of a user-assigned identity.`);
  const assigned = String(identity['type']).includes('UserAssigned');
  demand(
    assigned === ids.length > 0,
    `The identity type '${String(identity['type'])}' does not go with ${ids.length} user-assigned identities.`,
  );
  return ids;
}

function checkRegistries(properties: Json, identities: readonly string[]): void {
  for (const item of list(properties['imageRegistryCredentials'], 'properties.imageRegistryCredentials')) {
    const credential = record(item, 'properties.imageRegistryCredentials');
    const server = text(credential['server'], 'properties.imageRegistryCredentials.server');
    const identity = credential['identity'] ?? '';
    demand(typeof identity === 'string', `The identity of the registry '${server}' has to be a text.`);
    if (identity === '') {
      demand(
        typeof credential['username'] === 'string' && typeof credential['password'] === 'string',
        `The registry '${server}' needs a user name and a password, or an identity.`,
      );
    } else if (!identities.some((id) => id.toLowerCase() === identity.toLowerCase())) {
      throw new ArmError(
        400,
        'InvalidImageRegistryIdentity',
        `The identity '${identity}' of the registry '${server}' is not a user-assigned identity of the container group.`,
      );
    }
  }
}

function checkNetwork(properties: Json): void {
  if (properties['ipAddress'] !== undefined) {
    const address = record(properties['ipAddress'], 'properties.ipAddress');
    oneOf(text(address['type'], 'properties.ipAddress.type'), ['Public', 'Private'], 'properties.ipAddress.type');
    ports(address['ports'], 'properties.ipAddress.ports');
    const count = list(address['ports'], 'properties.ipAddress.ports').length;
    demand(count <= mostPorts, `An address has at most ${mostPorts} ports, not ${count}.`);
  }
  for (const item of list(properties['subnetIds'], 'properties.subnetIds')) {
    const id = text(record(item, 'properties.subnetIds')['id'], 'properties.subnetIds.id');
    demand(subnetId.test(id), `'${id}' is not the resource id of a subnet.`);
  }
  // Published for spot container groups: neither a public address nor a subnet.
  const reachable =
    properties['ipAddress'] !== undefined || list(properties['subnetIds'], 'properties.subnetIds').length > 0;
  demand(
    properties['priority'] !== 'Spot' || !reachable,
    'A spot container group has neither an IP address nor a subnet.',
  );
  if (properties['diagnostics'] === undefined) return;
  const { logAnalytics } = record(properties['diagnostics'], 'properties.diagnostics');
  if (logAnalytics !== undefined)
    text(
      record(logAnalytics, 'properties.diagnostics.logAnalytics')['workspaceId'],
      'properties.diagnostics.logAnalytics.workspaceId',
    );
}

function checkSize(spec: GroupSpec): void {
  const total = totalResources(spec);
  for (const [key, amount] of Object.entries(total) as [keyof typeof total, number][]) {
    demand(
      amount >= smallest[key] && amount <= largest[key],
      `The group asks for ${amount} (${key}); a group takes from ${smallest[key]} to ${largest[key]}.`,
    );
  }
}

/** The body of a PUT, checked as the service does; throws an {@link ArmError} that says what is wrong. */
export function parseGroup(
  groupName: string,
  content: string,
  regions: readonly string[],
): { spec: GroupSpec; region: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    throw invalidRequest(`The request content was invalid and could not be deserialized: '${String(error)}'.`);
  }
  const body = record(parsed, 'body');
  name(groupName, 'containerGroupName');
  if (body['location'] === undefined)
    throw new ArmError(400, 'LocationRequired', 'The location property is required for this definition.');
  const region = regionName(text(body['location'], 'location'));
  if (!regions.includes(region)) {
    throw new ArmError(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${region}' is not available for resource type 'Microsoft.ContainerInstance/containerGroups'. List of available regions for the resource type is '${regions.join(',')}'.`,
    );
  }
  tags(body['tags']);
  const properties = record(body['properties'], 'properties');
  const foreign = ['standbyPoolProfile', 'containerGroupProfile', 'confidentialComputeProperties'].find(
    (key) => properties[key] !== undefined,
  );
  if (foreign !== undefined) throw new ArmError(400, 'NotEmulated', `The emulator has no ${foreign}; leave it out.`);
  demand(properties['osType'] === 'Linux', "'properties.osType' has to be 'Linux' here.");
  oneOf(properties['restartPolicy'], ['Always', 'OnFailure', 'Never'], 'properties.restartPolicy');
  oneOf(properties['priority'], ['Regular', 'Spot'], 'properties.priority');
  const volumes = checkVolumes(properties);
  const containers = list(properties['containers'], 'properties.containers');
  demand(
    containers.length >= 1 && containers.length <= mostContainers,
    `A group has from 1 to ${mostContainers} containers.`,
  );
  const initContainers = list(properties['initContainers'], 'properties.initContainers');
  for (const [index, container] of containers.entries()) {
    const path = `properties.containers[${index}]`;
    checkResources(checkContainer(container, path, volumes), path);
  }
  for (const [index, container] of initContainers.entries())
    checkContainer(container, `properties.initContainers[${index}]`, volumes);
  noDoubles(
    [...containers, ...initContainers].map((container) => String((container as Json)['name'])),
    'properties.containers',
  );
  checkRegistries(properties, checkIdentity(body));
  checkNetwork(properties);
  const spec = body as unknown as GroupSpec;
  checkSize(spec);
  return { spec, region };
}
