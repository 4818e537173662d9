import { ArmError } from './arm-error.ts';
import type { Engine } from './engine.ts';
import type { Group } from './group.ts';
import { groupView } from './group-view.ts';
import type { GroupAddress, Groups } from './groups.ts';
import { regionName } from './group-request.ts';
import { logContent } from './log-view.ts';
import { capabilities, operations, usages } from './location-view.ts';
import { operationPath, operationView } from './operation.ts';
import type { Operation } from './operation.ts';
import { groupNotFound } from './refusals.ts';
import type { Switches } from './switches.ts';

export type RequestKind = 'read' | 'create' | 'delete' | 'write';

export interface RouteRequest {
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Scheme, host and port as the caller wrote them. */
  readonly origin: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly kind: RequestKind;
  readonly isOperation?: boolean;
  answer(request: RouteRequest): Promise<Answer> | Answer;
}

export interface RouteServices {
  readonly groups: Groups;
  readonly switches: Switches;
  readonly engine: Engine;
  readonly regions: readonly string[];
}

const subscription = '/subscriptions/(?<subscription>[^/]+)';
const provider = '/providers/Microsoft\\.ContainerInstance';
const inGroup = `${subscription}/resourceGroups/(?<resourceGroup>[^/]+)${provider}/containerGroups`;
const group = `${inGroup}/(?<name>[^/]+)`;
const location = `${subscription}${provider}/locations/(?<location>[^/]+)`;

function addressOf({ parameters }: RouteRequest): GroupAddress {
  const { subscription: owner = '', resourceGroup = '', name = '' } = parameters;
  return { subscription: owner, resourceGroup, name };
}

/** Every address of the ARM API that the emulator answers at. */
export function createRoutes({ groups, switches, engine, regions }: RouteServices): Route[] {
  const route = (method: string, path: string, kind: RequestKind, answer: Route['answer']): Route => ({
    method,
    pattern: new RegExp(`^${path}$`, 'i'),
    kind,
    answer,
    isOperation: path.includes('/operations/'),
  });

  const listed = (found: readonly Group[]): Answer => {
    const view = { withInstanceView: switches.get('listShowsInstanceView') };
    return { status: 200, body: { value: found.map((each) => groupView(each, view)) } };
  };
  const asyncHeaders = (operation: Operation, origin: string): Record<string, string> => ({
    'azure-asyncoperation': `${origin}${operationPath(operation)}`,
  });
  const regionOf = ({ parameters }: RouteRequest): string => {
    const region = regionName(decodeURIComponent(parameters['location'] ?? ''));
    if (regions.includes(region)) return region;
    throw new ArmError(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${region}' is not available for resource type 'Microsoft.ContainerInstance/locations'.`,
    );
  };

  async function logs(request: RouteRequest): Promise<Answer> {
    const { query, parameters } = request;
    const found = groups.get(addressOf(request));
    const container = parameters['container'] ?? '';
    const { containers, initContainers = [] } = found.spec.properties;
    if (![...containers, ...initContainers].some(({ name }) => name === container))
      throw groupNotFound(found.resourceGroup, `${found.name}/containers/${container}`);
    const tail = query.get('tail');
    if (tail !== null && !/^\d+$/.test(tail))
      throw new ArmError(400, 'InvalidRequestContent', `'tail' is '${tail}', which is no number of lines.`);
    const status = found.containers.get(container);
    const options = { tail: tail === null ? undefined : Number(tail), timestamps: query.get('timestamps') === 'true' };
    const content = status === undefined ? undefined : await logContent(status, options, switches);
    if (content === undefined) {
      throw new ArmError(
        404,
        'ContainerLogNotAvailable',
        `Log of container '${container}' in container group '${found.name}' is not available yet. Please check container 'InstanceView' for more information or retry later.`,
      );
    }
    return { status: 200, body: { content } };
  }

  function poll({ parameters }: RouteRequest): Answer {
    const found = groups.operation(parameters['operation'] ?? '');
    if (found === undefined || found.status === 'NotFound')
      throw new ArmError(404, 'NotFound', 'The operation, or the container group that it is of, was not found.');
    const seconds = switches.get('operationRetryAfterSeconds');
    return {
      status: 200,
      body: operationView(found),
      ...(seconds === 0 ? {} : { headers: { 'retry-after': String(seconds) } }),
    };
  }

  return [
    route('PUT', group, 'create', async (request) => {
      const done = await groups.put(addressOf(request), request.body);
      return {
        status: done.created ? 201 : 200,
        headers: { ...done.headers, ...asyncHeaders(done.operation, request.origin) },
        body: groupView(done.group, { withInstanceView: true }),
      };
    }),
    route('GET', group, 'read', (request) => ({
      status: 200,
      body: groupView(groups.get(addressOf(request)), { withInstanceView: true }),
    })),
    route('PATCH', group, 'write', (request) => ({
      status: 200,
      body: groupView(groups.tag(addressOf(request), request.body), { withInstanceView: true }),
    })),
    route('DELETE', group, 'delete', async (request) => {
      const { group: removed, headers } = await groups.remove(addressOf(request));
      return removed === undefined
        ? { status: 204 }
        : { status: 200, headers, body: groupView(removed, { withInstanceView: true }) };
    }),
    route('POST', `${group}/stop`, 'write', async (request) => {
      await groups.stop(addressOf(request));
      return { status: 204 };
    }),
    route('POST', `${group}/start`, 'write', async (request) => {
      const begun = await groups.start(addressOf(request));
      return begun === undefined ? { status: 204 } : { status: 202, headers: asyncHeaders(begun, request.origin) };
    }),
    route('POST', `${group}/restart`, 'write', (request) => {
      groups.restart(addressOf(request));
      return { status: 204 };
    }),
    route('GET', `${group}/containers/(?<container>[^/]+)/logs`, 'read', logs),
    route('POST', `${group}/containers/[^/]+/(?:exec|attach)`, 'write', () => {
      throw new ArmError(400, 'NotEmulated', 'The emulator opens no terminal in a container; use docker exec.');
    }),
    route('GET', `${group}/outboundNetworkDependenciesEndpoints`, 'read', (request) => {
      groups.get(addressOf(request));
      return { status: 200, body: [] };
    }),
    route('GET', inGroup, 'read', ({ parameters }) =>
      listed(groups.list(parameters['subscription'] ?? '', parameters['resourceGroup'])),
    ),
    route('GET', `${subscription}${provider}/containerGroups`, 'read', ({ parameters }) =>
      listed(groups.list(parameters['subscription'] ?? '')),
    ),
    route('GET', `${location}/operations/(?<operation>[^/]+)`, 'read', poll),
    route('GET', `${location}/usages`, 'read', (request) => {
      const limits = { groups: switches.get('groupQuota'), cores: switches.get('coreQuota') };
      const used = groups.usage(request.parameters['subscription'] ?? '', regionOf(request));
      return { status: 200, body: usages(used, limits) };
    }),
    route('GET', `${location}/capabilities`, 'read', (request) => ({
      status: 200,
      body: capabilities(regionOf(request)),
    })),
    route('GET', `${location}/cachedImages`, 'read', async (request) => {
      regionOf(request);
      return { status: 200, body: { value: (await engine.images()).map((image) => ({ osType: 'Linux', image })) } };
    }),
    route('GET', `${provider}/operations`, 'read', () => ({ status: 200, body: operations() })),
  ];
}
