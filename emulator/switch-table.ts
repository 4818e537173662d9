/** One way in which the real service differs from a simple one. */
export interface SwitchRow {
  /** `ms`: emulated milliseconds. `rate`: see rate.ts. */
  readonly kind: 'ms' | 'count' | 'flag' | 'rate';
  readonly default: number | boolean;
  /** What the real service does. */
  readonly what: string;
  /** Where that is known from; `assumed` where nothing recorded or published says so. */
  readonly source: string;
}

function row<const Kind extends SwitchRow['kind']>(
  kind: Kind,
  preset: number | boolean,
  what: string,
  source: string,
): SwitchRow & { readonly kind: Kind } {
  return { kind, default: preset, what, source };
}

const recorded = 'recorded traffic of 2022-07-11';
const limits = 'MicrosoftDocs/azure-docs, includes/container-instances-limits.md';
const update = 'Microsoft Learn, container-instances-update';
const assumed = 'assumed';

/** Every switch; docs/emulator.md is held against it by a test. */
export const switchTable = {
  pendingMs: row(
    'ms',
    1000,
    'A new group is `Pending` before anything is done for it',
    `${recorded}; duration ${assumed}`,
  ),
  pullMs: row('ms', 3000, 'Pulling an image takes seconds', `${recorded} (10.8 s for nginx); duration ${assumed}`),
  slowPull: row('rate', 0, 'Some pulls take very long; the operation stays `Creating`', assumed),
  slowPullMs: row('ms', 600_000, 'How long such a pull takes; Infinity never ends', assumed),
  identityDelayMs: row(
    'ms',
    3000,
    'The metadata endpoint refuses connections in the first seconds of a group',
    `reported by users; how and how long is ${assumed}`,
  ),
  restartDelayMs: row('ms', 1000, 'The platform waits before it starts an ended container again', assumed),
  restartAfterNonzero: row(
    'rate',
    0,
    'Under `Never` a container may be started again after a nonzero exit',
    `${assumed}; the published page on restart policies promises at most one run`,
  ),
  maintenanceRestart: row(
    'rate',
    0,
    'Maintenance ends the containers of a running group and starts them again in place',
    `Azure/ALZ-PowerShell-Module#506; how often is ${assumed}`,
  ),
  maintenanceAfterMs: row('ms', 1000, 'When after its start maintenance hits a group', assumed),
  spotEviction: row(
    'rate',
    0,
    'A group of priority `Spot` is evicted when its capacity is wanted, and starts again in place by itself',
    `Microsoft Learn, container-instances-spot-containers-overview; how often is ${assumed}`,
  ),
  spotEvictionAfterMs: row('ms', 1000, 'When after its start a spot group is evicted', assumed),
  failedButRunning: row(
    'rate',
    0,
    'An operation ends `Failed` although the containers run on',
    'hashicorp/terraform-provider-azurerm#17706',
  ),
  insufficientCapacity: row(
    'rate',
    0,
    'The operation ends `Failed` with the event `InsufficientCapacity.` and an error without code',
    'Azure/Azure-Landing-Zones#2404',
  ),
  regionFull: row(
    'rate',
    0,
    'PUT is refused with 409 `ServiceUnavailable`: the region has no capacity',
    'MicrosoftDocs/azure-docs#24776',
  ),
  transitioning: row(
    'rate',
    0,
    'A write is refused with 409 `ContainerGroupTransitioning` although nothing seems to change',
    assumed,
  ),
  transitioningWhileChanging: row(
    'flag',
    true,
    'PUT, PATCH, stop, start and restart are refused with 409 `ContainerGroupTransitioning` while a group changes',
    `Microsoft Learn, container group remains in transitioning state; for which verbs is ${assumed}`,
  ),
  registryError: row(
    'rate',
    0,
    'PUT is refused with 409 `RegistryErrorResponse`',
    `text as users report it; when is ${assumed}`,
  ),
  inaccessibleImage: row(
    'rate',
    0,
    'PUT is refused with 400 `InaccessibleImage` although the image is there',
    'hashicorp/terraform-provider-azurerm#20216',
  ),
  groupQuota: row(
    'count',
    100,
    'Groups per subscription and region, ended ones included; beyond: 400 `ContainerGroupQuotaReached`',
    limits,
  ),
  coreQuota: row(
    'count',
    100,
    'Cores per subscription and region, of ended groups too; beyond: 409 `ServiceUnavailable`, quota `StandardCores`',
    `${limits}; MicrosoftDocs/azure-docs#51738 (text)`,
  ),
  createsPerHour: row(
    'count',
    300,
    'Creates per subscription and region in any hour; beyond: 429 with `Retry-After`',
    `${limits}; a sliding window is ${assumed}`,
  ),
  createsPer5Minutes: row(
    'count',
    100,
    'Creates per subscription and region in any five minutes; beyond: 429',
    `${limits}; a sliding window is ${assumed}`,
  ),
  deletesPerHour: row(
    'count',
    300,
    'Deletes per subscription and region in any hour; beyond: 429',
    `${limits}; a sliding window is ${assumed}`,
  ),
  deletesPer5Minutes: row(
    'count',
    100,
    'Deletes per subscription and region in any five minutes; beyond: 429',
    `${limits}; a sliding window is ${assumed}`,
  ),
  retryAfterInRealTime: row(
    'flag',
    false,
    'Not of the service: `Retry-After` counts seconds of the caller, where emulated time runs faster',
    'none',
  ),
  throttled: row('rate', 0, 'A create or delete is refused with 429 although limits are not used up', assumed),
  retryAfterSeconds: row('count', 5, 'The `Retry-After` of such a refusal, and of 503', assumed),
  operationRetryAfterSeconds: row('count', 0, 'A `Retry-After` on polled operations; 0 sends none', recorded),
  identicalPutRestarts: row(
    'flag',
    true,
    'PUT of the same properties over a running group restarts its containers, too',
    `${update}; that it makes none of the group anew is ${assumed}`,
  ),
  listShowsInstanceView: row(
    'flag',
    false,
    'Lists leave out every `instanceView`: only a GET of the group tells its state',
    'Azure/azure-rest-api-specs#21280',
  ),
  deleteMs: row('ms', 0, 'DELETE answers only when the group is gone', `${recorded}; duration ${assumed}`),
  deletedOperationNotFound: row(
    'rate',
    0.5,
    'A create whose group is deleted ends with 404 `NotFound`, else with `Canceled`',
    assumed,
  ),
  runningLogBytes: row('count', 4 * 1024 ** 2, 'The log of a running container is cut to its last bytes', limits),
  stoppedLogBytes: row('count', 16 * 1024, 'The log of a stopped container is cut to its last bytes', limits),
  stoppedLogLines: row('count', 1000, 'The log of a stopped container is cut to its last lines', limits),
  lostCreateAnswer: row('rate', 0, 'A PUT is carried out, but the connection breaks before its answer', assumed),
  lostDeleteAnswer: row('rate', 0, 'A DELETE is carried out, but the connection breaks before its answer', assumed),
  lostAnswer: row('rate', 0, 'Any request is carried out, but the connection breaks before its answer', assumed),
  silence: row('rate', 0, 'A request is taken and neither carried out nor answered', assumed),
  silentCreate: row('rate', 0, 'A PUT is carried out and never answered', assumed),
  serverError: row('rate', 0, 'A request is refused with 500 or 503 before it has an effect', assumed),
  lateServerError: row('rate', 0, 'A write is carried out and answered with 500', assumed),
} as const satisfies Record<string, SwitchRow>;
