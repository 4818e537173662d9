import { swapped } from './amend.ts';
import { fromInstant } from './clock.ts';
import type { Context } from './context.ts';
import { scheduleWakeUp, type ScheduleRecord } from './schedule-record.ts';

/**
 * Makes or changes the record of a schedule by compare-and-swap, and counts its version. A new wake-up is scheduled before the record that promises it. Answers as
 * `swapped` does.
 */
export function swapSchedule(
  { storage, queue }: Pick<Context, 'storage' | 'queue'>,
  name: string,
  change: (schedule: ScheduleRecord | undefined) => ScheduleRecord | undefined,
): Promise<ScheduleRecord | undefined> {
  return swapped<ScheduleRecord>(
    {
      what: `schedule ${name}`,
      read: () => storage.getSchedule(name),
      write: async (next, before) => {
        if (next.wakeAt !== undefined && next.wakeId !== before?.wakeId)
          await queue.schedule(scheduleWakeUp(next), fromInstant(next.wakeAt));
        return before === undefined ? storage.createSchedule(next) : storage.updateSchedule(next);
      },
    },
    (current) => {
      const changed = change(current);
      return changed === undefined ? undefined : { ...changed, version: (current?.version ?? 0) + 1 };
    },
  );
}
