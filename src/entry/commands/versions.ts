import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { table } from '../terminal/table.ts';
import { bytesText } from '../terminal/time-text.ts';
import { connect, withTaskNames } from './connect.ts';

export const versionsCommand = command({
  name: 'versions',
  about: 'Lists the versions of a task that were pushed, latest first; with a version, prints its definition.',
  operands: '<Task> [version]',
  count: { least: 1, most: 2 },
  options: {},
  examples: [
    { line: 'errand versions StopVM', about: 'What was pushed, and when' },
    { line: 'errand versions StopVM 3f2a91c07be45d18', about: 'The definition as it was' },
    {
      line: 'errand export old StopVM@3f2a91c07be45d18 && errand push old/StopVM',
      about: 'Back to it',
    },
  ],
  more: 'A version is a task by its content: definition and executable. What was put beside the definitions by hand is no version until it is pushed.',
  run: async ({ positionals: [taskName = '', version] }, io) => {
    const client = connect(io);
    const task = await client.task(taskName).catch(async (error: unknown) => {
      throw await withTaskNames(client, taskName, error);
    });
    if (version !== undefined) {
      const found = await client.version(taskName, version);
      if (io.json) await io.record(found);
      else await io.line(JSON.stringify(found.document, null, 2));
      return exitCodes.done;
    }
    const versions = await client.versions(taskName);
    if (io.json) {
      for (const each of versions) await io.record({ ...each, current: each.version === task.version });
      return exitCodes.done;
    }
    if (versions.length === 0) io.note(`${taskName} was never pushed: its files were put in place by hand.`);
    const { style } = io;
    const rows = versions.map(({ version: name, keptAt, executable }) => [
      style.bold(name),
      keptAt,
      `${executable.name}, ${bytesText(executable.bytes)}`,
      name === task.version ? style.green('current') : '',
    ]);
    await io.write(table(rows));
    return exitCodes.done;
  },
});
