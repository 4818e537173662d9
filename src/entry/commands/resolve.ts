import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { connect, findRunId, nameOf } from './connect.ts';

export const resolveCommand = command({
  name: 'resolve',
  about:
    'Writes down what really came of a lost run, once you have found out. The run stays lost; the note stays with it.',
  operands: '<id>',
  count: { least: 1, most: 1 },
  options: {
    outcome: { type: 'string', value: 'succeeded|failed', about: 'What really came of it' },
    note: { type: 'string', value: 'text', about: 'How you know' },
  },
  examples: [
    { line: 'errand resolve last --outcome succeeded --note "the VM is stopped"', about: 'Looked it up by hand' },
  ],
  run: async ({ values: { outcome, note }, positionals: [given = ''] }, io) => {
    if (outcome !== 'succeeded' && outcome !== 'failed') {
      throw new UsageError(
        `What came of it? Write --outcome succeeded or --outcome failed${outcome === undefined ? '' : `, not ${outcome}`}.`,
      );
    }
    if (note === undefined || note === '')
      throw new UsageError('How do you know? Write --note "…"; it is kept with the run.');
    const client = connect(io);
    const run = await client.resolve(await findRunId(client, given), { outcome, note });
    if (io.json) await io.record(run);
    else await io.line(`${nameOf(run)} is ${run.state}, resolved as ${outcome}`);
    return exitCodes.done;
  },
});
