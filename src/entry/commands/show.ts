import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { connect, findRunId } from './connect.ts';
import { runText } from './run-text.ts';

export const showCommand = command({
  name: 'show',
  about:
    'Shows one run: what happened when, why it waits, its result. "last" is the latest; the last letters of an id will do.',
  operands: '<id>',
  count: { least: 1, most: 1 },
  options: {},
  examples: [
    { line: 'errand show last', about: 'The latest run' },
    { line: 'errand show last --json | jq .output', about: 'The JSON that it left' },
  ],
  run: async ({ positionals: [given = ''] }, io) => {
    const client = connect(io);
    const run = await client.get(await findRunId(client, given));
    if (io.json) await io.record(run);
    else await io.write(runText(run, io.style));
    return exitCodes.done;
  },
});
