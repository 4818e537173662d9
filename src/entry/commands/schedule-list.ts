import type { Client } from '../../client/client.ts';
import type { ScheduleView } from '../../contract/schedule.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { table } from '../terminal/table.ts';
import { connect } from './connect.ts';
import { firingText, inText } from './schedule-text.ts';

const pageSize = 200;

export const scheduleListCommand = command({
  name: 'schedule list',
  about: 'Lists the schedules of the server: what they run, when they come next, and what came of the last time.',
  options: { task: { type: 'string', value: 'Task', about: 'Only of this task' } },
  examples: [
    { line: 'errand schedule list', about: 'All of them' },
    { line: 'errand schedule list --json | jq -r "select(.paused) | .name"', about: 'For programs' },
  ],
  run: async ({ values: { task } }, io) => {
    const rows: string[][] = [];
    for await (const schedule of allSchedules(connect(io), task)) {
      if (io.json) await io.record(schedule);
      else rows.push(row(schedule, io));
    }
    if (io.json) return exitCodes.done;
    if (rows.length === 0)
      io.note('There is no schedule. Make one: errand schedule add nightly <Task> --cron "30 2 * * *"');
    else await io.write(table([['NAME', 'TASK', 'CRON', 'TIME ZONE', 'NEXT', 'LAST TIME'].map(io.style.dim), ...rows]));
    return exitCodes.done;
  },
});

async function* allSchedules(client: Client, task: string | undefined): AsyncGenerator<ScheduleView, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await client.schedules({ task, limit: pageSize, cursor });
    yield* page.schedules;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function row({ name, taskName, cron, timeZone, paused, nextAt, retrying, firings }: ScheduleView, io: Io): string[] {
  const { style } = io;
  const next = paused ? style.yellow('paused') : nextAt === undefined ? 'never' : inText(nextAt, io);
  const [last] = firings;
  const came = last === undefined ? '' : firingText(last, style);
  return [style.bold(name), taskName, cron, timeZone, retrying === undefined ? next : style.yellow('retrying'), came];
}
