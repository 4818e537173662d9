import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { connect, withScheduleNames } from './connect.ts';
import { scheduleText } from './schedule-text.ts';

export const scheduleShowCommand = command({
  name: 'schedule show',
  about: 'Shows one schedule: when it comes next, and what came of the last planned times.',
  operands: '<name>',
  count: { least: 1, most: 1 },
  options: {},
  examples: [
    { line: 'errand schedule show nightly', about: 'How it is doing' },
    { line: 'errand runs --schedule nightly', about: 'Its runs' },
  ],
  run: async ({ positionals: [name = ''] }, io) => {
    const client = connect(io);
    const schedule = await withScheduleNames(client, name, () => client.schedule(name));
    if (io.json) await io.record(schedule);
    else await io.write(scheduleText(schedule, io));
    return exitCodes.done;
  },
});
