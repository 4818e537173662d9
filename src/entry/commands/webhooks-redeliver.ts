import type { RunView } from '../../contract/run.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { connect, findRunId, nameOf } from './connect.ts';

export const webhooksRedeliverCommand = command({
  name: 'webhooks redeliver',
  about:
    'Sends webhooks of a run that were given up once more, with all their attempts, under the same id: all of them, or one by its number.',
  operands: '<id> [number]',
  count: { least: 1, most: 2 },
  options: {},
  examples: [
    { line: 'errand webhooks redeliver last', about: 'All of the latest run that were given up' },
    { line: 'errand webhooks redeliver 8fq2 2', about: 'The second; "errand show" has the numbers' },
  ],
  run: async ({ positionals: [given = '', number] }, io) => {
    const client = connect(io);
    const run = await client.get(await findRunId(client, given));
    let latest: RunView = run;
    const numbers = number === undefined ? deadOf(run) : [wholeNumber(number)];
    for (const each of numbers) latest = await client.redeliver(run.id, each);
    if (io.json) await io.record(latest);
    else if (numbers.length === 0) await io.line(`${nameOf(run)} has no webhook that was given up`);
    else await io.line(`${nameOf(run)}: webhook ${numbers.join(', ')} is sent once more`);
    return exitCodes.done;
  },
});

function deadOf({ webhooks = [] }: RunView): number[] {
  return webhooks.filter(({ state }) => state === 'dead').map(({ number }) => number);
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]{0,2}$/.test(text)) return Number(text);
  throw new UsageError(`${text} is no number of a webhook: "errand show" lists those of a run.`);
}
