import type { Firing, ScheduleDocument } from '../contract/schedule.ts';
import type { WakeUp } from './ports/work-queue.ts';
import type { Instant } from './run-record.ts';

export interface ScheduleRecord {
  name: string;
  /** Counts writes; compare-and-swap is on it. */
  version: number;
  /** Changes with each edit by a person, not with a firing. */
  revision: string;
  document: ScheduleDocument;
  createdAt: Instant;
  createdBy: string;
  updatedAt: Instant;
  updatedBy: string;
  /** The next planned time. Undefined while it is paused, or where none comes any more. */
  nextAt?: Instant;
  /** The one chain of wake-ups that is valid; any other is dropped. */
  wakeId: string;
  /** When that wake-up is due: at `nextAt`, or later where an outage is being waited for. Undefined where nothing is planned. */
  wakeAt?: Instant;
  retrying?: { failures: number; message: string };
  /** Latest first. */
  firings: readonly Firing[];
}

/** Wake-ups of schedules travel with those of runs; no id of a run begins like this. */
const prefix = 'schedule:';

export function scheduleWakeUp({ name, wakeId }: Pick<ScheduleRecord, 'name' | 'wakeId'>): WakeUp {
  return { runId: prefix + name, wakeId };
}

/** The schedule that a wake-up is for; undefined where it is for a run. */
export function scheduleOf({ runId }: WakeUp): string | undefined {
  return runId.startsWith(prefix) ? runId.slice(prefix.length) : undefined;
}

/** Who asks for the runs of a schedule. No API key has such a name. */
export function schedulePrincipal(name: string): string {
  return prefix + name;
}

/** The slot of a schedule whose runs do not go beside each other. */
export function scheduleSlot(name: string): string {
  return prefix + name;
}
