import type { Client, RunQuery } from '../../client/client.ts';
import { runStates, type RunState, type RunView } from '../../contract/run.ts';
import { scheduleLabel } from '../../contract/schedule.ts';
import { instant } from '../../core/clock.ts';
import { splitPair } from '../terminal/arguments.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { paintState, printable } from '../terminal/style.ts';
import { didYouMean } from '../terminal/suggest.ts';
import { table } from '../terminal/table.ts';
import { between, duration, parseDuration } from '../terminal/time-text.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { connect } from './connect.ts';

const defaultLimit = 20;
const pageSize = 200;

export const runsCommand = command({
  name: 'runs',
  about: 'Lists runs, latest first.',
  options: {
    task: { type: 'string', value: 'Task', about: 'Only of this task' },
    state: {
      type: 'string',
      multiple: true,
      value: 'state',
      about: `Only in this state; again for more: ${runStates.join(', ')}`,
    },
    label: { type: 'string', multiple: true, value: 'name=value', about: 'Only with this label; again for more' },
    schedule: { type: 'string', value: 'name', about: 'Only of this schedule' },
    since: { type: 'string', value: 'time', about: 'Only since: 30m, 2h, 7d, or 2026-01-31T08:00:00Z' },
    limit: { type: 'string', short: 'n', value: 'number', about: `How many at most (${defaultLimit})` },
  },
  examples: [
    { line: 'errand runs --task Hello --state failed', about: 'What went wrong with Hello' },
    { line: 'errand runs --since 2h --json | jq -r .id', about: 'For programs' },
  ],
  run: async ({ values }, io) => {
    const limit = wholeNumber(values.limit);
    const query: RunQuery = {
      task: values.task,
      states: values.state.map(toState),
      labels: Object.fromEntries([
        ...values.label.map((text) => splitPair(text, '--label', 'name=value')),
        ...(values.schedule === undefined ? [] : [[scheduleLabel, values.schedule]]),
      ]),
      since: values.since === undefined ? undefined : toInstant(values.since, io),
    };
    let count = 0;
    const rows: string[][] = [];
    for await (const run of pages(connect(io), query, limit)) {
      count += 1;
      if (io.json) await io.record(run);
      else rows.push(row(run, io));
    }
    if (io.json) return exitCodes.done;
    if (count === 0) io.note('No such run. Start one: errand run <Task>');
    else await io.write(table([['ID', 'TASK', 'STATE', 'CREATED', 'TOOK', ''].map(io.style.dim), ...rows]));
    return exitCodes.done;
  },
});

/** Asks for pages until there are enough. */
async function* pages(client: Client, query: RunQuery, limit: number): AsyncGenerator<RunView, void, undefined> {
  let left = limit;
  let cursor: string | undefined;
  do {
    const page = await client.list({ ...query, limit: Math.min(left, pageSize), cursor });
    yield* page.runs.slice(0, left);
    left -= page.runs.length;
    cursor = page.cursor;
  } while (cursor !== undefined && left > 0);
}

function row(run: RunView, io: Io): string[] {
  const ago = `${duration(io.clock.now() - Date.parse(run.createdAt))} ago`;
  const took =
    run.endedAt === undefined ? between(run.startedAt, instant(io.clock.now())) : between(run.startedAt, run.endedAt);
  const [remark = ''] = printable(run.waiting?.message ?? (run.state === 'succeeded' ? '' : (run.message ?? ''))).split(
    '\n',
    1,
  );
  return [run.id, run.taskName, paintState(run.state, io.style), ago, took, io.style.dim(remark.slice(0, 60))];
}

function toState(text: string): RunState {
  const found = runStates.find((state) => state.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  const meant = didYouMean(text, runStates);
  throw new UsageError(`There is no state ${text}${meant === '' ? `: they are ${runStates.join(', ')}.` : meant}`);
}

function toInstant(text: string, io: Io): string {
  const ms = parseDuration(text);
  if (ms !== undefined) return instant(io.clock.now() - ms);
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new UsageError(`--since ${text} is no time: write 30m, 2h, 7d, or 2026-01-31T08:00:00Z.`);
  return instant(at);
}

function wholeNumber(text: string | undefined): number {
  if (text === undefined) return defaultLimit;
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new UsageError(`--limit ${text} is no count: write --limit 50.`);
  return Number(text);
}
