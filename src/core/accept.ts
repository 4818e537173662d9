import { createHash } from 'node:crypto';
import { ErrandError } from '../contract/errors.ts';
import type { Plan } from '../contract/run.ts';
import type { RunRequest } from '../contract/run-request.ts';
import { scheduleLabel, type ScheduleDocument } from '../contract/schedule.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import { instant } from './clock.ts';
import type { Context } from './context.ts';
import { quote } from './cost.ts';
import type { Definitions } from './definitions.ts';
import type { CheckedParameters } from './parameters.ts';
import { defined, resolveRequest, type Earlier } from './resolve-request.ts';
import type { Instant, QueuedRun, RunRecord } from './run-record.ts';
import { scheduleSlot } from './schedule-record.ts';
import { slotHolder } from './slot-holder.ts';
import { deliveriesOf } from './webhooks.ts';
import type { TraceContext } from './trace-context.ts';

export interface Asker {
  /** Name of the API key; scopes idempotency keys. */
  principal: string;
  idempotencyKey?: string | undefined;
  /** Where a schedule asks, for one of its planned times: its key is that time. */
  schedule?: Scheduled | undefined;
  /** What the request is part of. */
  traceContext?: TraceContext | undefined;
}

export interface Scheduled {
  name: string;
  plannedAt: Instant;
  overlap: ScheduleDocument['overlap'];
}

export interface Accepted {
  run: RunRecord;
  /** False where the idempotency key led to an earlier run. */
  created: boolean;
}

const firstTerm = 1;

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
  const { schedule } = asker;
  // A planned time is run once, whatever the schedule has become between two tries.
  const requestHash = sealer.mac(
    schedule === undefined ? canonical(request, earlierRun?.version) : `planned ${schedule.plannedAt}`,
  );
  const key = asker.idempotencyKey === undefined ? undefined : hashedKey(asker.principal, asker.idempotencyKey);
  if (key !== undefined) {
    const earlier = await storage.getKey(key);
    const run = earlier === undefined ? undefined : await sameRequest(context, earlier, requestHash);
    if (run !== undefined) return { run, created: false };
  }

  const { definition, executable, taskVersion, checked } = await resolveRequest(
    context,
    definitions,
    request,
    earlierRun?.version,
  );
  const now = clock.now();
  const taskSlots = slotsOf(context, definition, checked);
  // A key that no run follows would be kept for ever, so what can be told before is told before.
  if (key !== undefined) await rejectIfSeenFull(context, definition, taskSlots);
  let id = context.newId();
  if (key !== undefined) {
    const claimed = await storage.claimKey({ key, requestHash, runId: id });
    const run = await sameRequest(context, claimed, requestHash);
    if (run !== undefined) return { run, created: false };
    id = claimed.runId;
  }

  await rejectIfFull(context, definition, taskSlots, id, now);
  const slots = [...(await scheduleSlots(context, schedule, id, now)), ...taskSlots];
  const webhooks = deliveriesOf(request, definition, id, sealer);
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
    labels: schedule === undefined ? request.labels : { ...request.labels, [scheduleLabel]: schedule.name },
    definition,
    executable,
    ...(Object.keys(checked.secrets).length === 0 ? {} : { secrets: sealer.seal(checked.secrets, id) }),
    attempts: [],
    ...(earlierRun === undefined ? {} : { rerunOf: earlierRun.id }),
    ...(schedule === undefined ? {} : { schedule: { name: schedule.name, plannedAt: schedule.plannedAt } }),
    ...(webhooks === undefined ? {} : { webhooks }),
    ...(taskVersion === undefined ? {} : { taskVersion }),
    ...(asker.traceContext === undefined ? {} : { traceContext: asker.traceContext }),
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
  const { definition, executable, checked } = await resolveRequest(context, definitions, request);
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

/**
 * Runs of a schedule that do not go beside each other queue for a slot of its own, before the task's. It is joined before the record is stored: their order is
 * that of the planned times, whichever is looked at first, and who fires the next one finds this one there.
 */
async function scheduleSlots(
  { storage }: Context,
  schedule: Scheduled | undefined,
  id: string,
  now: number,
): Promise<RunRecord['slots']> {
  if (schedule === undefined || schedule.overlap === 'allow') return [];
  const slot = { key: scheduleSlot(schedule.name), limit: 1 };
  await storage.takeSlot({ ...slot, holder: slotHolder({ id, slotTerm: firstTerm }), at: instant(now) });
  return [slot];
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
  throw limitReached(definition, slot.limit);
}

/** A look only: whoever gets past it may still come too late. */
async function rejectIfSeenFull(
  { storage }: Context,
  definition: TaskDefinition,
  slots: RunRecord['slots'],
): Promise<void> {
  const [slot] = slots;
  if (definition.concurrency?.onLimit !== 'reject' || slot === undefined) return;
  if ((await storage.slotQueue(slot.key)).length >= slot.limit) throw limitReached(definition, slot.limit);
}

function limitReached({ taskName, concurrency }: TaskDefinition, limit: number): ErrandError {
  return new ErrandError(
    'concurrencyLimitReached',
    `${taskName} already runs ${limit} times${concurrency?.key === undefined ? '' : ` with this ${concurrency.key}`}: try again when one has ended`,
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
    ...(request.webhook === undefined ? [] : [{ webhook: request.webhook }]),
    ...(request.callbackUri === undefined ? [] : [{ callbackUri: request.callbackUri }]),
    ...(version === undefined ? [] : [version.taskVersion, version.executable.sha256]),
  ]);
}

function hashedKey(principal: string, key: string): string {
  return sha256(JSON.stringify([principal, key]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
