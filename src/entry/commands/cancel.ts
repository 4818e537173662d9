import { isTerminal } from '../../contract/run.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { paintState } from '../terminal/style.ts';
import { connect, findRunId, nameOf } from './connect.ts';

export const cancelCommand = command({
  name: 'cancel',
  about: 'Ends runs. A task that runs gets TERM, and KILL after its grace. A run that has ended stays as it is.',
  operands: '<id>…',
  count: { least: 1, most: 1_000 },
  options: {},
  examples: [{ line: 'errand cancel last', about: 'The latest run' }],
  run: async ({ positionals }, io) => {
    const client = connect(io);
    // All ids first: a mistyped one must not leave the work half done.
    const ids: string[] = [];
    for (const given of positionals) ids.push(await findRunId(client, given));
    for (const id of ids) {
      const run = await client.cancel(id);
      if (io.json) await io.record(run);
      else if (run.state === 'canceled') await io.line(`${nameOf(run)} ${paintState(run.state, io.style)}`);
      else if (isTerminal(run.state))
        await io.line(`${nameOf(run)} had ended already: ${paintState(run.state, io.style)}`);
      else
        await io.line(
          `${nameOf(run)} is being stopped; it has ${run.definition.timeouts.graceSeconds} s to end by itself`,
        );
    }
    return exitCodes.done;
  },
});
