import type { ScheduleStorage } from '../core/ports/schedule-storage.ts';
import type { ScheduleRecord } from '../core/schedule-record.ts';
import type { Row, SqliteConnection } from './sqlite-connection.ts';

/** Records of schedules in a table of their own, as JSON beside what they are found by. SQLite compares text by its UTF-8, and names are ASCII. */
export function sqliteSchedules(connection: SqliteConnection): ScheduleStorage {
  return {
    createSchedule: (schedule, options) =>
      connection.write(
        (db) =>
          db.run(
            'INSERT OR IGNORE INTO schedules (name, version, wake_at, record) VALUES (?, ?, ?, ?)',
            schedule.name,
            ...columns(schedule),
          ) === 1,
        options,
      ),

    getSchedule: (name, options) =>
      connection.read((db) => {
        const row = db.get('SELECT record FROM schedules WHERE name = ?', name);
        return row === undefined ? undefined : parseSchedule(row);
      }, options),

    updateSchedule: (schedule, options) =>
      connection.write(
        (db) =>
          db.run(
            'UPDATE schedules SET version = ?, wake_at = ?, record = ? WHERE name = ? AND version = ?',
            ...columns(schedule),
            schedule.name,
            schedule.version - 1,
          ) === 1,
        options,
      ),

    deleteSchedule: (name, version, options) =>
      connection.write(
        (db) => db.run('DELETE FROM schedules WHERE name = ? AND version = ?', name, version) === 1,
        options,
      ),

    listSchedules: ({ after = '', limit }, options) =>
      connection.read(
        (db) =>
          db.all('SELECT record FROM schedules WHERE name > ? ORDER BY name LIMIT ?', after, limit).map(parseSchedule),
        options,
      ),

    dueSchedules: ({ dueBefore, limit }, options) =>
      connection.read(
        (db) =>
          db
            .all(
              'SELECT name, wake_at FROM schedules WHERE wake_at <= ? ORDER BY wake_at, name LIMIT ?',
              dueBefore,
              limit,
            )
            .map((row) => ({ name: String(row['name']), wakeAt: String(row['wake_at']) })),
        options,
      ),
  };
}

function columns(schedule: ScheduleRecord): [number, string | null, string] {
  return [schedule.version, schedule.wakeAt ?? null, JSON.stringify(schedule)];
}

/** Only this driver writes records, so what comes back has the type that went in. */
function parseSchedule(row: Row): ScheduleRecord {
  return JSON.parse(String(row['record'])) as ScheduleRecord;
}
