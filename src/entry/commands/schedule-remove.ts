import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { connect, withScheduleNames } from './connect.ts';

export const scheduleRemoveCommand = command({
  name: 'schedule remove',
  about: 'Removes schedules. Their runs stay, and those under way go on.',
  operands: '<name>…',
  count: { least: 1, most: 1_000 },
  options: {},
  examples: [{ line: 'errand schedule remove nightly', about: 'No further runs' }],
  run: async ({ positionals }, io) => {
    const client = connect(io);
    // All names first: a mistyped one must not leave the work half done.
    for (const name of positionals) await withScheduleNames(client, name, () => client.schedule(name));
    for (const name of positionals) {
      await client.removeSchedule(name);
      if (io.json) await io.record({ type: 'removed', name });
      else await io.line(`${io.style.bold(name)} is removed`);
    }
    return exitCodes.done;
  },
});
