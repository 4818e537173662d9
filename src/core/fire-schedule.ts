import { ErrandError, errorTable } from '../contract/errors.ts';
import type { RunRequest } from '../contract/run-request.ts';
import type { Firing } from '../contract/schedule.ts';
import type { Accepted, Asker } from './accept.ts';
import { fromInstant, instant } from './clock.ts';
import type { Context } from './context.ts';
import { plannedTimes } from './cron.ts';
import type { RunRecord } from './run-record.ts';
import { schedulePrincipal, scheduleSlot, scheduleWakeUp, type ScheduleRecord } from './schedule-record.ts';
import { runIdOf } from './slot-holder.ts';
import { swapSchedule } from './swap-schedule.ts';
import { isEnded } from './view.ts';

export interface FireHooks {
  /** Accepts the request; under one key it is one run. */
  accept(request: RunRequest, asker: Asker): Promise<Accepted>;
  /** Somebody may look at the run that was just accepted. */
  look(runId: string): Promise<void>;
  /** This process has noted what came of a planned time. `created`: it has accepted the run, too. */
  fired(firing: Firing, created: boolean): void;
}

const keptFirings = 10;
const longestRetryMs = 300_000;

/** What came of a planned time; or an outage, of which nobody knows how it will end. */
type Came = { firing: Firing; accepted?: Accepted } | { outage: string };

/**
 * Sees to what is due of one schedule: accepts the run of its planned time, then notes that in the record. The planned time is the idempotency key, so
 * whoever dies between the two, or does it at the same time, leads to the same run. Throws where storage or queue do not answer.
 */
export function scheduleFirer(context: Context, hooks: FireHooks): (name: string) => Promise<void> {
  const { storage, clock, logger, queue, policy } = context;

  async function look(name: string): Promise<void> {
    const schedule = await storage.getSchedule(name);
    if (schedule?.wakeAt === undefined || schedule.nextAt === undefined) return;
    const now = clock.now();
    const wakeAt = fromInstant(schedule.wakeAt);
    // The clock of whoever woke us is before ours, or ours was set back.
    if (wakeAt > now) return queue.schedule(scheduleWakeUp(schedule), wakeAt);
    const came = await fire(schedule, schedule.nextAt, now);
    if ('outage' in came) return postpone(schedule, came.outage, now);
    const { firing, accepted } = came;
    let isOurs = false;
    await swapSchedule(context, name, (current) => {
      const next = current === undefined ? undefined : noted(current, firing, context.newId);
      isOurs = next !== undefined;
      return next;
    });
    const created = accepted?.created === true;
    if (isOurs) hooks.fired(firing, created);
    if (created) await hooks.look(accepted.run.id);
  }

  async function fire(schedule: ScheduleRecord, nextAt: string, now: number): Promise<Came> {
    const { name, document } = schedule;
    const times = plannedTimes(document.cron, document.timeZone);
    // Of several planned times that are due the latest; the others are passed over.
    const plannedAt = instant(Math.max(fromInstant(nextAt), times?.latest(now) ?? 0));
    const about = { plannedAt, at: instant(now), ...(plannedAt === nextAt ? {} : { passedOverFrom: nextAt }) };
    if (times === undefined) return { firing: { ...about, ...unreadable(schedule) } };
    if (now - fromInstant(plannedAt) > document.catchUpSeconds * 1000)
      return { firing: { ...about, ...missed(schedule) } };
    try {
      const other = document.overlap === 'skip' ? await underWay(schedule, plannedAt) : undefined;
      if (other !== undefined) return { firing: { ...about, ...overlapping(other) } };
      const accepted = await hooks.accept(requestOf(schedule), {
        principal: schedulePrincipal(name),
        idempotencyKey: plannedAt,
        schedule: { name, plannedAt, overlap: document.overlap },
      });
      return { firing: { ...about, outcome: 'started', runId: accepted.run.id }, accepted };
    } catch (error) {
      if (isFinal(error))
        return { firing: { ...about, outcome: 'failed', reason: error.code, message: error.message } };
      logger.warn({ schedule: name, err: error }, 'a schedule could not be fired; it is tried again');
      return { outage: error instanceof ErrandError ? error.message : 'Errand made a mistake: its log says more' };
    }
  }

  /**
   * A run of another planned time that holds the slot of the schedule, waits for it, or has given it back until its next attempt: that one stands in no queue, but among the
   * firings. Runs that were started under `allow` are not seen.
   */
  async function underWay({ name, firings }: ScheduleRecord, plannedAt: string): Promise<RunRecord | undefined> {
    const slot = scheduleSlot(name);
    const inQueue = (await storage.slotQueue(slot)).map(({ holder }) => runIdOf(holder));
    const fired = firings.flatMap(({ runId }) => (runId === undefined ? [] : [runId]));
    for (const id of new Set([...inQueue, ...fired])) {
      const run = await storage.getRun(id);
      // A place without a run is of somebody who died before it was accepted, or is accepting this very time now.
      if (run === undefined || isEnded(run) || run.schedule?.plannedAt === plannedAt) continue;
      if (run.slots.some(({ key }) => key === slot)) return run;
    }
    return undefined;
  }

  async function postpone(schedule: ScheduleRecord, message: string, now: number): Promise<void> {
    await swapSchedule(context, schedule.name, (current) => {
      // Somebody else has fired or edited it meanwhile.
      if (current?.wakeId !== schedule.wakeId) return undefined;
      const failures = (current.retrying?.failures ?? 0) + 1;
      const pauseMs = Math.min(policy.scheduleRetryMs * 2 ** (failures - 1), longestRetryMs);
      const wakeAt = instant(now + pauseMs);
      return { ...current, retrying: { failures, message }, wakeAt, wakeId: context.newId() };
    });
  }

  return look;
}

/** The record with what came of a planned time, and with the next one planned. Undefined where both is there already. Pure but for the new id. */
export function noted(record: ScheduleRecord, firing: Firing, newId: () => string): ScheduleRecord | undefined {
  const known = record.firings.find(({ plannedAt }) => plannedAt === firing.plannedAt);
  // Who has seen it start knows more than who has not.
  const isKnown = known !== undefined && (known.outcome === 'started' || firing.outcome !== 'started');
  const isPlanned = record.nextAt !== undefined && record.nextAt <= firing.plannedAt;
  if (isKnown && !isPlanned) return undefined;
  const firings = isKnown
    ? record.firings
    : [firing, ...record.firings.filter((each) => each !== known)].toSorted(latestFirst).slice(0, keptFirings);
  return isPlanned ? planned({ ...record, firings }, fromInstant(firing.plannedAt), newId) : { ...record, firings };
}

function latestFirst(a: Firing, b: Firing): number {
  return a.plannedAt < b.plannedAt ? 1 : -1;
}

/** The record with the first planned time after this moment, in milliseconds since the epoch; without one where it is paused. */
export function planned(record: ScheduleRecord, after: number, newId: () => string): ScheduleRecord {
  const { nextAt: _, wakeAt: __, retrying: ___, ...rest } = record;
  const { cron, timeZone, paused } = record.document;
  const next = paused ? undefined : plannedTimes(cron, timeZone)?.next(after);
  if (next === undefined) return { ...rest, wakeId: newId() };
  return { ...rest, nextAt: instant(next), wakeAt: instant(next), wakeId: newId() };
}

type Reason = Pick<Firing, 'outcome' | 'reason' | 'message' | 'runId'>;

function unreadable({ document: { cron, timeZone } }: ScheduleRecord): Reason {
  const message = `cron "${cron}" in ${timeZone} cannot be read by this version of Errand: put the schedule again`;
  return { outcome: 'failed', reason: 'invalidRequest', message };
}

function missed({ document, retrying }: ScheduleRecord): Reason {
  const { catchUpSeconds } = document;
  if (retrying !== undefined)
    return {
      outcome: 'failed',
      reason: 'missed',
      message: `it could not be started within ${catchUpSeconds} s (catchUpSeconds), ${retrying.failures} times: ${retrying.message}`,
    };
  return {
    outcome: 'skipped',
    reason: 'missed',
    message: `it was seen more than ${catchUpSeconds} s late (catchUpSeconds): nothing was running that could have started it`,
  };
}

function overlapping({ id, state, schedule }: RunRecord): Reason {
  return {
    outcome: 'skipped',
    reason: 'overlap',
    message: `run ${id}, planned for ${schedule?.plannedAt}, was still ${state}: with overlap "queue" this one would have waited`,
    runId: id,
  };
}

function requestOf({ document }: ScheduleRecord): RunRequest {
  const { taskName, parameters, labels, timeouts, maxCost } = document;
  return { taskName, parameters, labels, timeouts, ...(maxCost === undefined ? {} : { maxCost }) };
}

/** Refused for good: the same request would be refused again. A task that already runs as often as it may has said no to this planned time. */
function isFinal(error: unknown): error is ErrandError {
  if (!(error instanceof ErrandError)) return false;
  return !errorTable[error.code].retryable || error.code === 'concurrencyLimitReached';
}
