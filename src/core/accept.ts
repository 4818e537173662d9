import { createHash } from 'node:crypto';
import { ErrandError, type Problem } from '../contract/errors.ts';
import type { Plan } from '../contract/run.ts';
import type { RunRequest } from '../contract/run-request.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import { platformProblems } from './check-definition.ts';
import { instant } from './clock.ts';
import type { Context } from './context.ts';
import { quote, secondsFor } from './cost.ts';
import type { Definitions, StoredTask } from './definitions.ts';
import { checkParameters, type CheckedParameters } from './parameters.ts';
import { summary } from './problems.ts';
import type { QueuedRun, RunRecord } from './run-record.ts';
import { slotHolder } from './slot-holder.ts';
import { keptName, versionOf } from './versions.ts';

export interface Asker {
  /** Name of the API key; scopes idempotency keys. */
  principal: string;
  idempotencyKey?: string | undefined;
}

/** What a rerun takes over from the earlier run. */
export interface Earlier {
  id: string;
  /** Definition and executable are those of the earlier run, unless the task is gone or switched off by now. */
  version?: Pick<RunRecord, 'definition' | 'executable' | 'taskVersion'>;
}

export interface Accepted {
  run: RunRecord;
  /** False where the idempotency key led to an earlier run. */
  created: boolean;
}

const firstTerm = 1;

interface Resolved {
  definition: TaskDefinition;
  executable: RunRecord['executable'];
  taskVersion?: string | undefined;
  checked: CheckedParameters;
}

/**
 * Accepts a request: nothing that was answered with a run is lost after this, whatever is killed. In this order: a wake-up, then the record with its entry in
 * the index of open runs. A wake-up without a record is dropped; a record without a wake-up would wait for the sweep.
 * Throws every error of a request; nothing has happened then.
 */
export async function accept(
  context: Context,
  definitions: Definitions,
  request: RunRequest,
  asker: Asker,
  earlierRun?: Earlier,
): Promise<Accepted> {
  const { storage, clock, sealer, queue, policy } = context;
  const requestHash = sealer.mac(canonical(request, earlierRun?.version));
  const key = asker.idempotencyKey === undefined ? undefined : hashedKey(asker.principal, asker.idempotencyKey);
  if (key !== undefined) {
    const earlier = await storage.getKey(key);
    const run = earlier === undefined ? undefined : await sameRequest(context, earlier, requestHash);
    if (run !== undefined) return { run, created: false };
  }

  const { definition, executable, taskVersion, checked } = await resolve(
    context,
    definitions,
    request,
    earlierRun?.version,
  );
  const now = clock.now();
  let id = context.newId();
  if (key !== undefined) {
    const claimed = await storage.claimKey({ key, requestHash, runId: id });
    const run = await sameRequest(context, claimed, requestHash);
    if (run !== undefined) return { run, created: false };
    id = claimed.runId;
  }

  const slots = slotsOf(context, definition, checked);
  await rejectIfFull(context, definition, slots, id, now);
  const wakeId = context.newId();
  const wakeAt = now + policy.leaseMs;
  const run: QueuedRun = {
    state: 'queued',
    id,
    version: 1,
    operationId: context.newId(),
    taskName: definition.taskName,
    requestedBy: asker.principal,
    createdAt: instant(now),
    parameters: checked.parameters,
    labels: request.labels,
    definition,
    executable,
    ...(Object.keys(checked.secrets).length === 0 ? {} : { secrets: sealer.seal(checked.secrets, id) }),
    attempts: [],
    ...(earlierRun === undefined ? {} : { rerunOf: earlierRun.id }),
    ...(taskVersion === undefined ? {} : { taskVersion }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
    slots,
    slotTerm: firstTerm,
    wakeId,
    wakeAt: instant(wakeAt),
    open: true,
  };
  await queue.schedule({ runId: id, wakeId }, wakeAt);
  if (await storage.createRun(run)) return { run, created: true };
  const existing = await storage.getRun(id);
  if (existing === undefined)
    throw new ErrandError(
      'storageUnavailable',
      `run ${id} was created and is not there: ask again with the same idempotency key`,
      { runId: id },
    );
  return { run: existing, created: false };
}

/** Everything that {@link accept} would check and resolve, and nothing started or stored. */
export async function plan(context: Context, definitions: Definitions, request: RunRequest): Promise<Plan> {
  const { driver, storage } = context;
  const { definition, executable, checked } = await resolve(context, definitions, request);
  const [slot] = definition.concurrency === undefined ? [] : slotsOf(context, definition, checked);
  const queue = slot === undefined ? [] : await storage.slotQueue(slot.key);
  const notes: string[] = [];
  if (!driver.capabilities.isolation)
    notes.push(
      `${driver.name} is no sandbox: the executable runs as a process of this machine, and the image ${definition.dockerImage} is not used`,
    );
  if (definition.identity !== undefined && !driver.capabilities.identity)
    notes.push(`${driver.name} has no managed identities: the executable runs without ${definition.identity}`);
  if (definition.sha256 === undefined)
    notes.push(
      'the definition pins no sha256: whoever can write the executable decides what runs ("errand push" pins it)',
    );
  return {
    taskName: definition.taskName,
    image: definition.dockerImage,
    executable,
    parameters: checked.parameters,
    environment: { ...definition.environment },
    timeouts: definition.timeouts,
    resources: definition.resources,
    platform: driver.name,
    ...(context.prices === undefined ? {} : { cost: quote(definition, context.prices) }),
    ...(slot === undefined
      ? {}
      : {
          concurrency: {
            key: slot.key,
            limit: slot.limit,
            held: queue.filter(({ held }) => held).length,
            waiting: queue.filter(({ held }) => !held).length,
          },
        }),
    notes,
  };
}

async function resolve(
  context: Context,
  definitions: Definitions,
  request: RunRequest,
  version?: Earlier['version'],
): Promise<Resolved> {
  const current = await definitions.load(request.taskName);
  const stored = version?.definition ?? current.definition;
  if (!current.definition.enabled)
    throw new ErrandError(
      'taskDisabled',
      `${stored.taskName} is switched off by its author: "enabled" is false in its definition`,
    );
  const unfit = platformProblems(stored, context.driver.name, context.driver.capabilities);
  if (unfit.length > 0)
    throw new ErrandError(
      'invalidDefinition',
      `${stored.taskName} cannot run on ${context.driver.name}: ${summary(unfit)}`,
      { problems: unfit },
    );

  const checked = checkParameters(stored, request.parameters);
  const shortened = { ...stored, timeouts: { ...stored.timeouts, ...defined(request.timeouts) } };
  const affordable =
    request.maxCost === undefined ? { limit: {} } : secondsFor(request.maxCost, shortened, context.prices);
  const problems = [
    ...checked.problems,
    ...timeoutProblems(stored, request),
    ...('problem' in affordable ? [affordable.problem] : []),
  ];
  if (problems.length > 0) throw new ErrandError('invalidRequest', summary(problems), { problems });

  const { executable, taskVersion } = version ?? (await pinned(context, current));
  if (version !== undefined) await checkKept(context, stored.taskName, version);
  const definition = {
    ...shortened,
    timeouts: { ...shortened.timeouts, ...('limit' in affordable ? affordable.limit : {}) },
  };
  return {
    definition,
    executable,
    taskVersion,
    checked,
  };
}

/** The executable as it is now, and the version that task and executable make. */
async function pinned(
  { artifacts }: Context,
  { definition, document }: StoredTask,
): Promise<Pick<Resolved, 'executable' | 'taskVersion'>> {
  const found = await artifacts.describe(definition.scriptName);
  if (found === undefined)
    throw new ErrandError(
      'executableMissing',
      `${definition.taskName} names the executable ${definition.scriptName}, which is not there: push the task again`,
    );
  if (definition.sha256 !== undefined && definition.sha256 !== found.sha256) {
    throw new ErrandError(
      'executableMissing',
      `${definition.scriptName} is not what ${definition.taskName} pins: its SHA-256 is ${found.sha256}, the definition says ${definition.sha256}. Push the task again`,
    );
  }
  const { modifiedAt: _, ...executable } = found;
  return { executable, taskVersion: versionOf(document, found.sha256) };
}

/** Better refused now than when the container is created. */
async function checkKept(
  { artifacts }: Context,
  taskName: string,
  { executable, taskVersion = '' }: NonNullable<Earlier['version']>,
): Promise<void> {
  if ((await artifacts.describe(executable.name))?.sha256 === executable.sha256) return;
  if ((await artifacts.versions.describe(keptName(taskName, taskVersion)))?.sha256 === executable.sha256) return;
  throw new ErrandError(
    'executableMissing',
    `the executable of that run, ${executable.name} with the SHA-256 ${executable.sha256}, is no longer kept: rerun with the latest version, or push the earlier one again`,
  );
}

function timeoutProblems(definition: TaskDefinition, request: RunRequest): Problem[] {
  return Object.entries(defined(request.timeouts)).flatMap(([field, seconds]): Problem[] => {
    const limit = definition.timeouts[field as keyof TaskDefinition['timeouts']];
    if (limit === undefined || seconds <= limit) return [];
    return [
      {
        path: `/timeouts/${field}`,
        code: 'tooLarge',
        message: `${field} may only be shortened: the definition of ${definition.taskName} says ${limit}`,
        allowed: { maximum: limit },
      },
    ];
  });
}

function defined<T extends object>(fields: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: NonNullable<T[K]>;
  };
}

/** The task's own slot before the platform's: whoever holds the platform's waits for nothing more, so nobody waits in a circle. */
function slotsOf(
  context: Context,
  definition: TaskDefinition,
  checked: CheckedParameters,
): { key: string; limit: number }[] {
  const { concurrency, taskName } = definition;
  const { name, capabilities } = context.driver;
  const platform = {
    key: `platform:${name}`,
    limit: capabilities.places.reduce((sum, { runners }) => sum + runners, 0),
  };
  if (concurrency === undefined) return [platform];
  if (concurrency.key === undefined) return [{ key: `task:${taskName}`, limit: concurrency.limit }, platform];
  const value = checked.parameters.find((parameter) => parameter.name === concurrency.key)?.value ?? '';
  return [
    { key: `task:${taskName}:${concurrency.key}:${sha256(value).slice(0, 32)}`, limit: concurrency.limit },
    platform,
  ];
}

/** Where the task says `reject`, the slot is taken before anything is stored: a run is accepted only with it. */
async function rejectIfFull(
  context: Context,
  definition: TaskDefinition,
  slots: RunRecord['slots'],
  id: string,
  now: number,
): Promise<void> {
  const [slot] = slots;
  if (definition.concurrency?.onLimit !== 'reject' || slot === undefined) return;
  const holder = slotHolder({ id, slotTerm: firstTerm });
  const { held } = await context.storage.takeSlot({ key: slot.key, holder, limit: slot.limit, at: instant(now) });
  if (held) return;
  await context.storage.releaseSlot(slot.key, holder);
  throw new ErrandError(
    'concurrencyLimitReached',
    `${definition.taskName} already runs ${slot.limit} times${definition.concurrency.key === undefined ? '' : ` with this ${definition.concurrency.key}`}: try again when one has ended`,
    { retryAfterSeconds: 5 },
  );
}

async function sameRequest(
  context: Context,
  claimed: { requestHash: string; runId: string },
  requestHash: string,
): Promise<RunRecord | undefined> {
  if (claimed.requestHash !== requestHash) {
    throw new ErrandError(
      'idempotencyKeyReused',
      `this Idempotency-Key was used for another request, which became run ${claimed.runId}: use a new key for a new request`,
      { runId: claimed.runId },
    );
  }
  return context.storage.getRun(claimed.runId);
}

function canonical(request: RunRequest, version: Earlier['version']): string {
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  const sorted = (fields: object) => Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    request.taskName,
    request.parameters.toSorted(byName).map(({ name, value }) => [name, value]),
    sorted(request.labels),
    sorted(defined(request.timeouts)),
    ...(request.maxCost === undefined ? [] : [request.maxCost]),
    ...(version === undefined ? [] : [version.taskVersion, version.executable.sha256]),
  ]);
}

function hashedKey(principal: string, key: string): string {
  return sha256(JSON.stringify([principal, key]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
