import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { copyBody } from './copy-body.ts';
import { connect, findRunId } from './connect.ts';
import { followRun } from './follow-run.ts';

export const logsCommand = command({
  name: 'logs',
  about: 'Prints what a run wrote: standard output and standard error of its task, as they came.',
  operands: '<id>',
  count: { least: 1, most: 1 },
  options: {
    follow: { type: 'boolean', short: 'f', about: "Go on to the end of the run, and exit with the task's exit code" },
    attempt: {
      type: 'string',
      value: 'number',
      about: 'Of this attempt; otherwise the last one, with --follow from the first one on',
    },
  },
  examples: [
    { line: 'errand logs last', about: 'What the latest run has written' },
    { line: 'errand logs -f last', about: '… and what it writes from now on' },
  ],
  run: async ({ values, positionals: [given = ''] }, io) => {
    const attempt = values.attempt === undefined ? undefined : Number(values.attempt);
    if (attempt !== undefined && !(Number.isInteger(attempt) && attempt > 0)) {
      throw new UsageError(`--attempt ${values.attempt} is no attempt: they are counted from 1.`);
    }
    const client = connect(io);
    const id = await findRunId(client, given);
    if (values.follow) {
      const run = await client.get(id);
      return followRun(run, client, io, { showLog: true, cancelOnInterrupt: false, attempt });
    }
    const response = await client.log(id, { attempt });
    if (io.jsonAsked) await io.record({ type: 'log', id, text: await response.text() });
    else await copyBody(response, io.write);
    return exitCodes.done;
  },
});
