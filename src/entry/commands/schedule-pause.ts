import type { Client } from '../../client/client.ts';
import type { ScheduleView } from '../../contract/schedule.ts';
import { command, type Command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { connect, withScheduleNames } from './connect.ts';
import { comesText } from './schedule-text.ts';

export const schedulePauseCommand = changing(
  'pause',
  'Lets schedules rest: nothing is planned until they are resumed. Runs under way go on.',
  (client, name) => client.pauseSchedule(name),
);

export const scheduleResumeCommand = changing(
  'resume',
  'Lets paused schedules go on with their next planned time. What was planned meanwhile is not made up for.',
  (client, name) => client.resumeSchedule(name),
);

function changing(
  verb: 'pause' | 'resume',
  about: string,
  change: (client: Client, name: string) => Promise<ScheduleView>,
): Command {
  return command({
    name: `schedule ${verb}`,
    about,
    operands: '<name>…',
    count: { least: 1, most: 1_000 },
    options: {},
    examples: [{ line: `errand schedule ${verb} nightly`, about: verb === 'pause' ? 'For now' : 'From now on' }],
    run: async ({ positionals }, io) => {
      const client = connect(io);
      // All names first: a mistyped one must not leave the work half done.
      for (const name of positionals) await withScheduleNames(client, name, () => client.schedule(name));
      for (const name of positionals) {
        const schedule = await change(client, name);
        if (io.json) await io.record(schedule);
        else await io.line(`${io.style.bold(schedule.name)} comes ${comesText(schedule, io)}`);
      }
      return exitCodes.done;
    },
  });
}
