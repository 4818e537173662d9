import type { ScheduleRecord } from '../../../src/core/schedule-record.ts';
import type { ServerHarness } from '../../http/support/server-harness.ts';

/** With seconds: as often as a schedule can come. */
export const everySecond = '* * * * * *';

/** Cron that no version of Errand takes, as one that another version has taken. */
export const unreadableCron = '61 2 * * *';

/** Keeps a record of a schedule that is like another one but for this. */
export async function keepSchedule(
  { errand }: ServerHarness,
  of: string,
  { cron, ...changes }: Pick<ScheduleRecord, 'name'> & Partial<ScheduleRecord> & { cron?: string },
): Promise<void> {
  const { storage, newId } = errand.context;
  const schedule = await storage.getSchedule(of);
  if (schedule === undefined) throw new Error(`there is no schedule ${of}`);
  const document = { ...schedule.document, ...(cron === undefined ? {} : { cron }) };
  await storage.createSchedule({ ...schedule, document, wakeId: newId(), ...changes });
}
