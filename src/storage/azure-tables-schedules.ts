import type { Clock } from '../core/clock.ts';
import type { DueSchedule, ScheduleStorage } from '../core/ports/schedule-storage.ts';
import type { ScheduleRecord } from '../core/schedule-record.ts';
import { cells } from './azure-cell.ts';
import type { Table } from './azure-table.ts';
import type { Texts } from './azure-texts.ts';

type Stored = ScheduleRecord | undefined;

/**
 * Each schedule a value of its own. There is no index of what is due: that would be a second write beside each firing, and the few who look at all of them are the
 * sweep and whoever lists them. A page of the service has up to 1,000.
 */
export function schedulesInTables({
  table,
  texts,
  clock,
}: {
  table: Table;
  texts: Texts;
  clock: Clock;
}): ScheduleStorage {
  const stored = cells<Stored>({
    table,
    texts,
    clock,
    kind: 'schedule',
    empty: undefined,
    read: (value) => value as ScheduleRecord,
    write: (schedule) => schedule,
  });

  /** Writes where the stored version is the one that was expected; undefined stands for none. */
  function replace(
    name: string,
    expected: number | undefined,
    value: Stored,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<boolean> {
    return stored.change(
      name,
      (current) => (current?.version === expected ? { value, answer: true } : { value: current, answer: false }),
      options,
    );
  }

  return {
    createSchedule: (schedule, options) => replace(schedule.name, undefined, schedule, options),
    getSchedule: (name, options = {}) => stored.get(name, options),
    updateSchedule: (schedule, options) => replace(schedule.name, schedule.version - 1, schedule, options),
    deleteSchedule: (name, version, options) => replace(name, version, undefined, options),

    async listSchedules({ after = '', limit }, options = {}) {
      const found: ScheduleRecord[] = [];
      for await (const { value } of stored.all(undefined, options))
        if (value !== undefined && value.name > after) found.push(value);
      return found.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
    },

    async dueSchedules({ dueBefore, limit }, options = {}) {
      const found: DueSchedule[] = [];
      for await (const { value } of stored.all(undefined, options)) {
        const { name, wakeAt } = value ?? {};
        if (name !== undefined && wakeAt !== undefined && wakeAt <= dueBefore) found.push({ name, wakeAt });
      }
      return found.toSorted((a, b) => (a.wakeAt + a.name < b.wakeAt + b.name ? -1 : 1)).slice(0, limit);
    },
  };
}
