import {
  scheduleDocumentSchema,
  type Firing,
  type ScheduleBody,
  type ScheduleDocument,
} from '../../../src/contract/schedule.ts';
import { fromInstant, instant } from '../../../src/core/clock.ts';
import type { Errand } from './errand.ts';

/** At the minute of every full hour, of the task Demo, unless said otherwise. */
export function documentOf(changes: Partial<ScheduleBody> = {}): ScheduleDocument {
  return scheduleDocumentSchema.parse({ taskName: 'Demo', cron: '0 * * * *', ...changes });
}

/** Puts a schedule as ann, and waits until nothing moves any more. */
export async function put(errand: Errand, name: string, changes: Partial<ScheduleBody> = {}): Promise<void> {
  await errand.orchestrator.schedules.put(name, documentOf(changes), 'ann', {});
  await errand.settle();
}

export function minutes(count: number): number {
  return count * 60_000;
}

/** Moves time on to this instant. */
export async function until(errand: Errand, at: string): Promise<void> {
  await errand.advance(fromInstant(instant(Date.parse(at))) - errand.clock.now());
}

/** What came of the planned times, latest first: `08:00 started`. */
export async function came({ orchestrator }: Pick<Errand, 'orchestrator'>, name: string): Promise<string[]> {
  const { firings } = await orchestrator.schedules.get(name);
  return firings.map(cameText);
}

function cameText({ plannedAt, outcome, reason, passedOverFrom }: Firing): string {
  const from = passedOverFrom === undefined ? undefined : `from ${passedOverFrom.slice(11, 16)}`;
  return [plannedAt.slice(11, 16), outcome, reason, from].filter((part) => part !== undefined).join(' ');
}

/** Runs of this schedule, oldest first, by their planned times. */
export function runsOf(errand: Errand, name: string): { id: string; plannedAt: string }[] {
  const made = errand.history.filter(({ version, schedule }) => version === 1 && schedule?.name === name);
  return made.map(({ id, schedule }) => ({ id, plannedAt: schedule?.plannedAt.slice(11, 16) ?? '' }));
}
