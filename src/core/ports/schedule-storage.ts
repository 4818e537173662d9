import type { Instant } from '../run-record.ts';
import type { ScheduleRecord } from '../schedule-record.ts';
import type { Cancelable } from './storage.ts';

export interface DueSchedule {
  name: string;
  wakeAt: Instant;
}

/** Records of schedules, under the same rules as those of runs: durable when a write resolves, and a write that threw may still have happened. */
export interface ScheduleStorage {
  /** Stores a new record. False where the name is taken; the stored one is left as it is. */
  createSchedule(schedule: ScheduleRecord, options?: Cancelable): Promise<boolean>;

  getSchedule(name: string, options?: Cancelable): Promise<ScheduleRecord | undefined>;

  /** Replaces the record if the stored version is `schedule.version - 1`. False where it is not, or the record is gone. */
  updateSchedule(schedule: ScheduleRecord, options?: Cancelable): Promise<boolean>;

  /** Removes the record if it has this version. False where it has another one, or is gone. */
  deleteSchedule(name: string, version: number, options?: Cancelable): Promise<boolean>;

  /** In the order of their names (by UTF-16 units), those after `after`. */
  listSchedules(query: { after?: string | undefined; limit: number }, options?: Cancelable): Promise<ScheduleRecord[]>;

  /** Those whose wake-up is due at `dueBefore` or earlier, soonest first. */
  dueSchedules(query: { dueBefore: Instant; limit: number }, options?: Cancelable): Promise<DueSchedule[]>;
}
