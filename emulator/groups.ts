import { isDeepStrictEqual } from 'node:util';

import { ArmError } from './arm-error.ts';
import { sleep } from './clock.ts';
import { tags as checkTags } from './checks.ts';
import { defaultGraceMs, deploy } from './deployment.ts';
import { fineInstant } from './event-record.ts';
import { groupId, hasEnded } from './group.ts';
import type { Group } from './group.ts';
import { parseGroup } from './group-request.ts';
import type { GroupSpec } from './group-spec.ts';
import { issueIdentities, systemIdentity } from './identities.ts';
import { endOperation } from './operation.ts';
import type { Operation } from './operation.ts';
import { checkQuota, usage } from './quota.ts';
import type { Usage } from './quota.ts';
import { slidingWindows } from './rate-limit.ts';
import type { Admission } from './rate-limit.ts';
import { checkImages, checkRegion, checkSettled, groupNotFound, throttled, transitioning } from './refusals.ts';
import type { DeploymentServices } from './services.ts';

/** Whose group it is; none of the three minds upper and lower case. */
export interface GroupAddress {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
}

export interface Groups {
  put(
    address: GroupAddress,
    body: string,
  ): Promise<{ group: Group; operation: Operation; created: boolean; headers: Admission['headers'] }>;
  get(address: GroupAddress): Group;
  list(subscription: string, resourceGroup?: string): Group[];
  tag(address: GroupAddress, body: string): Group;
  /** The group as it was; undefined where there is none. */
  remove(address: GroupAddress): Promise<{ group: Group | undefined; headers: Admission['headers'] }>;
  stop(address: GroupAddress): Promise<void>;
  /** Undefined where the group runs already. */
  start(address: GroupAddress): Promise<Operation | undefined>;
  restart(address: GroupAddress): void;
  operation(id: string): Operation | undefined;
  usage(subscription: string, region: string): Usage;
  /** Ends and removes everything. */
  close(): Promise<void>;
}

function keyOf({ subscription, resourceGroup, name }: GroupAddress): string {
  return `${subscription}/${resourceGroup}/${name}`.toLowerCase();
}

/** All container groups of an emulator, and what can be done to them. */
export function createGroups(services: DeploymentServices, regions: readonly string[]): Groups {
  const { clock, random, switches } = services;
  const groups = new Map<string, Group>();
  const operations = new Map<string, Operation>();
  const running = new Map<string, Operation>();
  const limit = slidingWindows(clock);
  const closing = new AbortController();

  const find = (address: GroupAddress): Group => {
    const group = groups.get(keyOf(address));
    if (group === undefined) throw groupNotFound(address.resourceGroup, address.name);
    return group;
  };

  function admit(kind: 'create' | 'delete', subscription: string, region: string): Admission {
    const limits =
      kind === 'create'
        ? { perHour: switches.get('createsPerHour'), per5Minutes: switches.get('createsPer5Minutes') }
        : { perHour: switches.get('deletesPerHour'), per5Minutes: switches.get('deletesPer5Minutes') };
    if (switches.strikes('throttled', region))
      throw throttled({ waitMs: switches.get('retryAfterSeconds') * 1000, headers: {} }, services);
    const admission = limit.take(`${kind} ${subscription.toLowerCase()} ${region}`, limits);
    if (!admission.admitted) throw throttled(admission, services);
    return admission;
  }

  function begin(group: Group): Operation {
    const operation: Operation = {
      id: random.uuid(),
      region: group.region,
      subscription: group.subscription,
      groupId: groupId(group),
      startTime: fineInstant(clock.now()),
      status: 'Pending',
      events: [],
      error: undefined,
    };
    operations.set(operation.id, operation);
    running.set(keyOf(group), operation);
    return operation;
  }

  function launch(group: Group, operation: Operation): void {
    const previous = hasEnded(group) ? undefined : group.deployment;
    if (previous === undefined) group.containers.clear();
    group.provisioningState = 'Pending';
    group.state = 'Pending';
    group.events = [];
    group.deployment = deploy(group, operation, services, { previous });
  }

  function create(address: GroupAddress, spec: GroupSpec, region: string): Group {
    checkQuota(
      usage(groups.values(), address.subscription, region),
      { groups: switches.get('groupQuota'), cores: switches.get('coreQuota') },
      spec,
      region,
    );
    const own = systemIdentity(groupId(address), random.hex(8));
    const group: Group = {
      ...address,
      region,
      systemIdentity: own,
      spec,
      identities: issueIdentities(spec, own),
      provisioningState: 'Pending',
      state: 'Pending',
      events: [],
      containers: new Map(),
      deployment: undefined,
      deleting: false,
    };
    groups.set(keyOf(address), group);
    return group;
  }

  function renew(group: Group, spec: GroupSpec): void {
    group.spec = spec;
    group.identities = issueIdentities(spec, group.systemIdentity);
  }

  async function put(address: GroupAddress, body: string): ReturnType<Groups['put']> {
    const { spec, region } = parseGroup(address.name, body, regions);
    const { headers } = admit('create', address.subscription, region);
    const key = keyOf(address);
    const refuse = (): void => {
      const existing = groups.get(key);
      if (existing === undefined) return;
      if (existing.region !== region) {
        throw new ArmError(
          409,
          'InvalidResourceLocation',
          `The resource '${address.name}' already exists in location '${existing.region}' in resource group '${address.resourceGroup}'. A resource with the same name cannot be created in location '${region}'. Please select a new resource name.`,
        );
      }
      checkSettled(existing, services);
    };
    if (groups.has(key)) refuse();
    else if (switches.strikes('transitioning', region)) throw transitioning(address.name);
    checkRegion(spec, region, services);
    await checkImages(spec, address.name, region, services);
    // Another request may have got here first while the image was looked for.
    const existing = groups.get(key);
    if (existing?.deployment?.changing === true) refuse();
    const same = existing !== undefined && isDeepStrictEqual(existing.spec, spec);
    const group = existing ?? create(address, spec, region);
    const operation = begin(group);
    if (same && !hasEnded(group) && !switches.get('identicalPutRestarts')) endOperation(operation, 'Succeeded');
    else {
      renew(group, spec);
      launch(group, operation);
    }
    return { group, operation, created: existing === undefined, headers };
  }

  async function remove(address: GroupAddress): ReturnType<Groups['remove']> {
    const group = groups.get(keyOf(address));
    if (group === undefined) return { group: undefined, headers: {} };
    const { headers } = admit('delete', address.subscription, group.region);
    if (group.deleting || switches.strikes('transitioning', group.region)) throw transitioning(address.name);
    group.deleting = true;
    const containers = [...group.containers].map(([name, status]) => [name, { ...status }] as const);
    const before: Group = { ...group, containers: new Map(containers), events: [...group.events] };
    const operation = running.get(keyOf(address));
    if (operation !== undefined) {
      const notFound =
        (operation.status === 'Pending' || operation.status === 'Creating') &&
        switches.strikes('deletedOperationNotFound', group.region);
      endOperation(operation, notFound ? 'NotFound' : 'Canceled', {
        code: notFound ? 'NotFound' : 'Canceled',
        message: 'The container group was deleted while it was being created.',
      });
    }
    try {
      await group.deployment?.end(0);
      const deleteMs = switches.get('deleteMs');
      if (deleteMs > 0) await sleep(clock, deleteMs, closing.signal);
    } finally {
      groups.delete(keyOf(address));
      running.delete(keyOf(address));
    }
    return { group: before, headers };
  }

  return {
    put,
    remove,
    get: find,
    list: (subscription, resourceGroup) =>
      [...groups.values()].filter(
        (group) =>
          group.subscription.toLowerCase() === subscription.toLowerCase() &&
          (resourceGroup === undefined || group.resourceGroup.toLowerCase() === resourceGroup.toLowerCase()),
      ),
    tag(address, body) {
      const group = find(address);
      checkSettled(group, services);
      const { tags } = JSON.parse(body === '' ? '{}' : body) as Pick<GroupSpec, 'tags'>;
      checkTags(tags);
      group.spec = { ...group.spec, ...(tags === undefined ? {} : { tags }) };
      return group;
    },
    async stop(address) {
      const group = find(address);
      checkSettled(group, services);
      if (hasEnded(group)) return;
      await group.deployment?.end(defaultGraceMs);
      group.state = 'Stopped';
    },
    async start(address) {
      const group = find(address);
      checkSettled(group, services);
      if (!hasEnded(group)) return undefined;
      checkRegion(group.spec, group.region, services);
      await checkImages(group.spec, group.name, group.region, services);
      checkSettled(group, services);
      const operation = begin(group);
      launch(group, operation);
      return operation;
    },
    restart(address) {
      const group = find(address);
      checkSettled(group, services);
      launch(group, begin(group));
    },
    operation: (id) => operations.get(id),
    usage: (subscription, region) => usage(groups.values(), subscription, region),
    async close() {
      closing.abort(new Error('The emulator is closing'));
      await Promise.allSettled([...groups.values()].map(async ({ deployment }) => await deployment?.end(0)));
      groups.clear();
    },
  };
}
