import { scheduleDocumentSchema } from '../contract/schedule.ts';
import { instant } from '../core/clock.ts';
import type { ScheduleRecord } from '../core/schedule-record.ts';
import { sampleEpoch } from './sample-run.ts';
import type { StorageHarness } from './storage-conformance.ts';
import type { TestApi } from './test-api.ts';

const at = (seconds: number): string => instant(sampleEpoch + seconds * 1000);

function sampleSchedule(name: string, changes: Partial<ScheduleRecord> = {}): ScheduleRecord {
  return {
    name,
    version: 1,
    revision: `${name}-1`,
    document: scheduleDocumentSchema.parse({
      taskName: 'StopVM',
      cron: '30 2 * * *',
      parameters: [{ name: 'VMName', value: 'böse "Zeichen"\n\u{1f600}' }],
    }),
    createdAt: at(0),
    createdBy: 'local',
    updatedAt: at(0),
    updatedBy: 'local',
    nextAt: at(60),
    wakeId: `wake-${name}`,
    wakeAt: at(60),
    firings: [],
    ...changes,
  };
}

/** The part of the storage's suite that is about schedules: records by name, by compare-and-swap, and which of them are due. */
export function scheduleConformance(
  { test, expect }: TestApi,
  fresh: (body: (harness: StorageHarness) => Promise<void>) => () => Promise<void>,
): void {
  test(
    'stores a schedule as it is, only where the name is free, and replaces and removes only the version that is meant',
    fresh(async ({ storage, second }) => {
      const schedule = sampleSchedule('nightly');
      expect(await storage.getSchedule('nightly')).toBeUndefined();
      expect(await storage.updateSchedule({ ...schedule, version: 2 })).toBe(false);
      expect(await storage.createSchedule(schedule)).toBe(true);
      expect(await second.createSchedule({ ...schedule, revision: 'other' })).toBe(false);
      expect(await second.getSchedule('nightly')).toEqual(schedule);
      const next = { ...schedule, version: 2, revision: 'nightly-2' };
      expect(await second.updateSchedule({ ...next, version: 3 })).toBe(false);
      expect(await second.updateSchedule(next)).toBe(true);
      expect(await storage.updateSchedule({ ...next, revision: 'late' })).toBe(false);
      expect(await storage.getSchedule('nightly')).toEqual(next);
      expect(await storage.deleteSchedule('nightly', 1)).toBe(false);
      expect(await storage.deleteSchedule('nightly', 2)).toBe(true);
      expect(await storage.deleteSchedule('nightly', 2)).toBe(false);
      expect(await storage.updateSchedule({ ...next, version: 3 })).toBe(false);
      expect(await second.getSchedule('nightly')).toBeUndefined();
      expect(await storage.createSchedule(schedule)).toBe(true);
    }),
  );

  test(
    'lets one of many at once make, and one change a schedule',
    fresh(async ({ storage, second }) => {
      const by = (number: number) => ({ revision: `by ${number}` });
      const asked = Array.from({ length: 10 }, (_, number) => number);
      const mine = (number: number) => (number % 2 === 0 ? storage : second);
      const made = await Promise.all(asked.map((n) => mine(n).createSchedule(sampleSchedule('one', by(n)))));
      expect(made.filter(Boolean)).toHaveLength(1);
      expect((await storage.getSchedule('one'))?.revision).toBe(`by ${made.indexOf(true)}`);
      const changed = await Promise.all(
        asked.map((n) => mine(n).updateSchedule(sampleSchedule('one', { ...by(n), version: 2 }))),
      );
      expect(changed.filter(Boolean)).toHaveLength(1);
      expect((await second.getSchedule('one'))?.revision).toBe(`by ${changed.indexOf(true)}`);
    }),
  );

  test(
    'lists schedules by name in pages, and those that are due by their time',
    fresh(async ({ storage, second }) => {
      expect(await storage.listSchedules({ limit: 5 })).toEqual([]);
      expect(await storage.dueSchedules({ dueBefore: at(99), limit: 5 })).toEqual([]);
      // In the order of ASCII: hyphen, capitals, underscore, small letters.
      const names = ['a', 'a-b', 'aB', 'a_b', 'ab', 'b'];
      for (const [index, name] of names.toReversed().entries())
        await storage.createSchedule(sampleSchedule(name, { wakeAt: at(10 - index) }));
      const { nextAt: _, wakeAt: __, ...paused } = sampleSchedule('paused');
      await storage.createSchedule(paused);
      const first = await second.listSchedules({ limit: 4 });
      const rest = await second.listSchedules({ after: first.at(-1)?.name, limit: 4 });
      expect([...first, ...rest].map(({ name }) => name)).toEqual([...names, 'paused']);
      expect(first[1]).toEqual(sampleSchedule('a-b', { wakeAt: at(6) }));
      expect(await second.dueSchedules({ dueBefore: at(7), limit: 9 })).toEqual([
        { name: 'a', wakeAt: at(5) },
        { name: 'a-b', wakeAt: at(6) },
        { name: 'aB', wakeAt: at(7) },
      ]);
      expect(await second.dueSchedules({ dueBefore: at(99), limit: 2 })).toHaveLength(2);
    }),
  );
}
