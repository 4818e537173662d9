import type { Firing, ScheduleView } from '../../src/contract/schedule.ts';

/** What came of a planned time at which nothing was started, in a word. */
export function firingWord({ outcome, reason }: Firing): string {
  if (reason === 'missed') return reason;
  return outcome === 'failed' ? 'refused' : outcome;
}

/** Every time that can be read comes again: where none does, this version of Errand cannot read it. Of one that is paused nobody knows. */
export function isUnreadable({ paused, upcoming }: ScheduleView): boolean {
  return !paused && upcoming.length === 0;
}

/** Whether its next time may go wrong, too, unless somebody does something. One that is paused has none. */
export function needsAttention(schedule: ScheduleView): boolean {
  const { paused, retrying, firings } = schedule;
  if (paused) return false;
  return isUnreadable(schedule) || retrying !== undefined || firings[0]?.outcome === 'failed';
}
