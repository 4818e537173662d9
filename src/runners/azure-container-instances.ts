import { readFile } from 'node:fs/promises';
import { ErrandError } from '../contract/errors.ts';
import { instant } from '../core/clock.ts';
import type { ListedRunner, Place, RunnerDriver } from '../core/ports/runner-driver.ts';
import type { Rate } from '../core/ports/storage.ts';
import { azureArm } from './azure-arm.ts';
import { checkRegion, checkResourceGroup } from './azure-check.ts';
import { runnerTags, toContainerGroup } from './azure-container-group.ts';
import { createGroup } from './azure-create.ts';
import { removeGroup, stopGroup } from './azure-end.ts';
import { observeGroup, unavailable } from './azure-observe.ts';
import type { AzureContainerInstancesOptions, AzurePlace } from './azure-settings.ts';

const minuteMs = 60_000;

/** Of a subscription that has not asked for more. Source: Microsoft Learn, "Resource availability & quota limits for ACI". */
const defaults = {
  runners: 100,
  cpu: 100,
  rates: [
    { count: 300, perMs: 60 * minuteMs },
    { count: 100, perMs: 5 * minuteMs },
  ] satisfies readonly Rate[],
} as const;

/** Runners as container groups of Azure Container Instances. */
export function azureContainerInstances(options: AzureContainerInstancesOptions): RunnerDriver {
  const { subscriptionId, resourceGroup, clock, logger, timeouts = {} } = options;
  checkOptions(options);
  const arm = azureArm({
    connection: options.connection,
    subscriptionId,
    requestMs: timeouts.requestMs ?? 30_000,
    clock,
    logger,
    onRateLimit: options.onRateLimit,
  });
  const ending = {
    clock,
    logger,
    pollMs: options.pollMs ?? 2000,
    deleteMs: timeouts.deleteMs ?? 120_000,
    transitionMs: timeouts.transitionMs ?? 10_000,
    patienceMs: timeouts.patienceMs ?? 180_000,
  };
  const [first, ...others] = options.places;
  const places: [Place, ...Place[]] = [toPlace(first), ...others.map(toPlace)];
  const checkedRegions = new Set<string>();
  let script: Promise<string> | undefined;

  const at = (name: string) => ({ resourceGroup, name });

  return {
    name: 'azure-container-instances',
    capabilities: {
      isolation: true,
      exchanges: ['signedUrls'],
      view: 'mounted',
      identity: true,
      networks: ['default'],
      containerWishes: [],
      minimumCpu: 1,
      maximumCpu: 31,
      minimumMemoryInGB: 1,
      maximumMemoryInGB: 240,
      places,
    },

    async check({ signal } = {}) {
      await (script ??= readScript(options.runnerScript));
      await checkResourceGroup(arm, resourceGroup, { signal });
      for (const place of places) {
        if (checkedRegions.has(place.name)) continue;
        await checkRegion(arm, place, logger, { signal });
        checkedRegions.add(place.name);
      }
    },

    async create(spec, { signal, progress = () => {} } = {}) {
      signal?.throwIfAborted();
      const settings = { ...options, script: await (script ??= readScript(options.runnerScript)) };
      const request = toContainerGroup(spec, settings, instant(clock.now()));
      return createGroup(arm, { subscriptionId, resourceGroup }, spec, request, { signal, progress });
    },

    observe: async (name, cancelable = {}) => observeGroup(arm, at(name), cancelable),

    stop: async (name, { signal }) => stopGroup(arm, at(name), ending, { signal }),

    remove: async (name, cancelable = {}) => removeGroup(arm, at(name), ending, cancelable),

    async *list({ instanceId }, { signal } = {}) {
      const what = `list the container groups in ${resourceGroup}`;
      const listed = await arm
        .read(what, { signal }, async (client, abortSignal) => {
          const found: ListedRunner[] = [];
          for await (const group of client.containerGroups.listByResourceGroup(resourceGroup, { abortSignal })) {
            const runner = toListed(group.name, group.tags, instanceId);
            if (runner !== undefined) found.push(runner);
          }
          return found;
        })
        .catch((error: unknown) => {
          throw unavailable(what, error);
        });
      yield* listed;
    },

    // Resource Manager tells nobody that a group has ended: the result in the exchange is the event, and wake-ups are the safety net.
    watch: ({ signal }) => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          await aborted(signal);
          return { done: true, value: undefined };
        },
      }),
    }),

    async close() {},
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();
  await promise;
}

function toPlace({ region, runners, cpu, creates, removals }: AzurePlace): Place {
  return {
    name: region.replaceAll(/\s/g, '').toLowerCase(),
    runners: runners ?? defaults.runners,
    cpu: cpu ?? defaults.cpu,
    creates: creates ?? defaults.rates,
    removals: removals ?? defaults.rates,
  };
}

function toListed(
  name: string | undefined,
  tags: Readonly<Record<string, string>> = {},
  instanceId: string,
): ListedRunner | undefined {
  const runId = tags[runnerTags.run];
  const attempt = Number(tags[runnerTags.attempt]);
  const created = Date.parse(tags[runnerTags.created] ?? '');
  if (tags[runnerTags.instance] !== instanceId || name === undefined || runId === undefined) return undefined;
  if (!Number.isInteger(attempt) || Number.isNaN(created)) return undefined;
  return { name, runId, attempt, createdAt: instant(created) };
}

/** What would make every create fail is said at the start. */
function checkOptions({
  identities,
  defaultIdentity,
  registries,
  containerNamePrefix = '',
  places,
  tags = {},
}: AzureContainerInstancesOptions): void {
  const identityId =
    /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/]+$/i;
  const wrong = [
    ...identities,
    ...(defaultIdentity === undefined ? [] : [defaultIdentity]),
    ...registries.map(({ identity }) => identity),
  ].find((id) => !identityId.test(id));
  if (wrong !== undefined)
    throw invalid(
      `${JSON.stringify(wrong)} is not the resource id of a user-assigned identity: "az identity show --query id" tells it.`,
    );
  if (containerNamePrefix !== '' && !/^[a-z0-9][a-z0-9-]{0,56}$/.test(containerNamePrefix))
    throw invalid(
      `A container's name cannot begin with ${JSON.stringify(containerNamePrefix)}: use at most 57 lower-case letters, digits and hyphens, a hyphen not first.`,
    );
  const region = places.find((place) => !/^[a-z][a-z0-9 ]*$/i.test(place.region));
  if (region !== undefined)
    throw invalid(`${JSON.stringify(region.region)} is no name of a region: write it as "West US" or westus.`);
  const tag = Object.keys(tags).find((name) => /[<>%&\\?/]/.test(name) || name.startsWith('errand-'));
  if (tag !== undefined)
    throw invalid(
      `A tag cannot be named ${JSON.stringify(tag)}: Azure forbids < > % & \\ ? /, and errand- is for Errand's own.`,
    );
}

function invalid(message: string): ErrandError {
  return new ErrandError('invalidConfiguration', message);
}

async function readScript(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw invalid(
      `The runner script ${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)}): install Errand again, or point to the script with the option runnerScript.`,
    );
  }
}
