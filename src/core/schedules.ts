import { ErrandError } from '../contract/errors.ts';
import type { Firing, ScheduleDocument, ScheduleView } from '../contract/schedule.ts';
import { checkSchedule } from './check-schedule.ts';
import { fromInstant, instant } from './clock.ts';
import type { Context } from './context.ts';
import { plannedTimes } from './cron.ts';
import type { Definitions } from './definitions.ts';
import { planned, scheduleFirer, type FireHooks } from './fire-schedule.ts';
import type { WakeUp } from './ports/work-queue.ts';
import { scheduleOf, scheduleWakeUp, type ScheduleRecord } from './schedule-record.ts';
import { swapSchedule } from './swap-schedule.ts';

/** What an edit must meet. `ifMatch`: the revision that the schedule must still have, `*` for any. `isNew`: there must be none yet. */
export interface ScheduleConditions {
  ifMatch?: string | undefined;
  isNew?: boolean | undefined;
}

/** Requests for runs that are made again and again, at planned times. */
export interface Schedules {
  /** Throws `invalidRequest` with all problems, what hinders every run of the task, and `preconditionFailed`. */
  put(
    name: string,
    document: ScheduleDocument,
    by: string,
    conditions: ScheduleConditions,
  ): Promise<{ schedule: ScheduleRecord; created: boolean }>;
  /** Throws `scheduleNotFound`. */
  get(name: string): Promise<ScheduleRecord>;
  /** By name, those after `after`. */
  list(page: { after?: string | undefined; limit: number }): Promise<ScheduleRecord[]>;
  /** Plans nothing until it is resumed. Planned times that pass meanwhile are not made up for. */
  pause(name: string, by: string): Promise<ScheduleRecord>;
  resume(name: string, by: string): Promise<ScheduleRecord>;
  /** Its runs stay. Throws `scheduleNotFound`, `preconditionFailed`. */
  remove(name: string, conditions: Pick<ScheduleConditions, 'ifMatch'>): Promise<void>;
  view(schedule: ScheduleRecord): ScheduleView;
  /** Takes a wake-up; false where it is for a run. Throws where the schedule could not be looked at: bring it again. */
  onWakeUp(wakeUp: WakeUp): Promise<boolean>;
  /** Wake-ups may have died with the process that held them: every schedule gets its own again. */
  wakeAll(): Promise<void>;
  /** Sees to one schedule now, where it is due. */
  look(name: string): Promise<void>;
  /** Calls back with what came of each planned time that this process has noted; `created` where it has accepted the run, too. */
  onFiring(callback: (firing: Firing, created: boolean) => void): void;
}

const page = 500;
const shownTimes = 5;

export function schedules(
  context: Context,
  definitions: Definitions,
  hooks: Pick<FireHooks, 'accept' | 'look'>,
): Schedules {
  const { storage, queue, clock, newId } = context;
  const listeners: ((firing: Firing, created: boolean) => void)[] = [];
  const look = scheduleFirer(context, {
    ...hooks,
    fired: (firing, created) => {
      for (const callback of listeners) callback(firing, created);
    },
  });

  async function get(name: string): Promise<ScheduleRecord> {
    const schedule = await storage.getSchedule(name);
    if (schedule === undefined) throw notFound(name);
    return schedule;
  }

  async function setPaused(name: string, paused: boolean, by: string): Promise<ScheduleRecord> {
    const changed = await swapSchedule(context, name, (current) => {
      if (current === undefined) throw notFound(name);
      if (current.document.paused === paused) return undefined;
      return edited(current, { ...current.document, paused }, by);
    });
    return changed ?? get(name);
  }

  function edited(current: ScheduleRecord, document: ScheduleDocument, by: string): ScheduleRecord {
    const now = clock.now();
    const next = { ...current, document, revision: newId(), updatedAt: instant(now), updatedBy: by };
    // A planned time that is due at this very moment is not lost by an edit that leaves the times as they are. Where none is planned, nobody could read them before.
    const keepsTime = current.nextAt !== undefined && isPlannedAlike(current.document, document);
    return keepsTime ? next : planned(next, now, newId);
  }

  return {
    put: async (name, document, by, conditions) => {
      await checkSchedule(context, definitions, document);
      let created = false;
      const schedule = await swapSchedule(context, name, (current) => {
        demand(name, current, conditions);
        created = current === undefined;
        const at = instant(clock.now());
        return edited(current ?? blank(name, document, at, by), document, by);
      });
      if (schedule === undefined) throw new ErrandError('internal', `schedule ${name} was put and is not there`);
      return { schedule, created };
    },
    get,
    list: (query) => storage.listSchedules(query),
    pause: (name, by) => setPaused(name, true, by),
    resume: (name, by) => setPaused(name, false, by),
    remove: async (name, conditions) => {
      for (;;) {
        const current = await get(name);
        demand(name, current, conditions);
        if (await storage.deleteSchedule(name, current.version)) return;
      }
    },
    view: (schedule) => toScheduleView(schedule, clock.now()),
    onWakeUp: async (wakeUp) => {
      const name = scheduleOf(wakeUp);
      if (name === undefined) return false;
      const schedule = await storage.getSchedule(name);
      if (schedule?.wakeId === wakeUp.wakeId) await look(name);
      return true;
    },
    wakeAll: async () => {
      let after: string | undefined;
      do {
        const found: ScheduleRecord[] = await storage.listSchedules({ after, limit: page });
        for (const schedule of found) {
          if (schedule.wakeAt !== undefined)
            await queue.schedule(scheduleWakeUp(schedule), fromInstant(schedule.wakeAt));
        }
        after = found.length < page ? undefined : found.at(-1)?.name;
      } while (after !== undefined);
    },
    look,
    onFiring: (callback) => {
      listeners.push(callback);
    },
  };

  /** Paused, so that whatever comes of it is planned anew. */
  function blank(name: string, document: ScheduleDocument, at: string, by: string): ScheduleRecord {
    return {
      name,
      version: 0,
      revision: '',
      document: { ...document, paused: true },
      createdAt: at,
      createdBy: by,
      updatedAt: at,
      updatedBy: by,
      wakeId: newId(),
      firings: [],
    };
  }
}

function isPlannedAlike(a: ScheduleDocument, b: ScheduleDocument): boolean {
  return a.paused === b.paused && a.cron === b.cron && a.timeZone === b.timeZone;
}

function toScheduleView(schedule: ScheduleRecord, now: number): ScheduleView {
  const { name, document, nextAt, retrying, firings, createdAt, createdBy, updatedAt, updatedBy, revision } = schedule;
  return {
    name,
    ...document,
    ...(nextAt === undefined ? {} : { nextAt }),
    upcoming: document.paused ? [] : upcoming(document, now),
    ...(retrying === undefined ? {} : { retrying }),
    firings: [...firings],
    createdAt,
    createdBy,
    updatedAt,
    updatedBy,
    etag: revision,
  };
}

function upcoming({ cron, timeZone }: ScheduleDocument, now: number): string[] {
  const times = plannedTimes(cron, timeZone);
  const found: string[] = [];
  for (let at = times?.next(now); at !== undefined && found.length < shownTimes; at = times?.next(at))
    found.push(instant(at));
  return found;
}

function demand(name: string, current: ScheduleRecord | undefined, { ifMatch, isNew }: ScheduleConditions): void {
  const shown = shorten(name);
  if (isNew === true && current !== undefined)
    throw new ErrandError(
      'preconditionFailed',
      `there is a schedule ${shown} already: take another name, or replace it`,
    );
  if (ifMatch === undefined || (current !== undefined && (ifMatch === '*' || ifMatch === current.revision))) return;
  throw new ErrandError(
    'preconditionFailed',
    current === undefined
      ? `there is no schedule ${shown} yet, though If-Match asks for one: leave If-Match out to create it`
      : `the schedule ${shown} has changed since you read it: read it again, and apply your change to that`,
  );
}

function notFound(name: string): ErrandError {
  return new ErrandError(
    'scheduleNotFound',
    `there is no schedule ${shorten(name)}: "errand schedule list" lists those that there are`,
  );
}

/** Names from outside are repeated in messages, so they are cut. */
function shorten(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
