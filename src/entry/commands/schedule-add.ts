import type { Client } from '../../client/client.ts';
import { overlaps, type ScheduleBody } from '../../contract/schedule.ts';
import { splitPair } from '../terminal/arguments.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { HintedError } from '../terminal/hinted-error.ts';
import type { Io } from '../terminal/io.ts';
import { didYouMean } from '../terminal/suggest.ts';
import { parseDuration } from '../terminal/time-text.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { connect, hasCode } from './connect.ts';
import { givenLimits, limitOptions } from './given-limits.ts';
import { givenParameters, parameterOptions } from './given-parameters.ts';
import { declaredParameters, start, type MadeRequest } from './run.ts';
import { comesText } from './schedule-text.ts';

const example = `errand schedule add nightly Report --cron "30 2 * * *" --time-zone Europe/Berlin`;

export const scheduleAddCommand = command({
  name: 'schedule add',
  about: 'Lets a task be run at planned times. The request is checked now as that of a run would be.',
  operands: '<name> <Task>',
  count: { least: 2, most: 2 },
  options: {
    cron: {
      type: 'string',
      value: '"fields"',
      about: 'When: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly',
    },
    'time-zone': { type: 'string', value: 'Europe/Berlin', about: 'The time zone that is meant (UTC)' },
    overlap: {
      type: 'string',
      value: overlaps.join('|'),
      about: 'While an earlier run of it is under way: skip this time (default), queue its run, or allow both',
    },
    'catch-up': {
      type: 'string',
      value: 'time',
      about: 'How late a planned time may be made up for, where no server was running: 30m, 2h (default), 7d',
    },
    description: { type: 'string', value: 'text', about: 'What it is for' },
    parameter: parameterOptions.parameter,
    'param-file': parameterOptions['param-file'],
    label: { type: 'string', multiple: true, value: 'name=value', about: 'Of each of its runs; again for each' },
    ...limitOptions,
    paused: { type: 'boolean', about: 'Plan nothing before it is resumed' },
    replace: { type: 'boolean', about: 'Replace the schedule of this name, where there is one' },
  },
  examples: [
    { line: example, about: 'Every night' },
    { line: 'errand schedule add tidy CleanUp --cron @hourly --overlap allow -p Days=30', about: 'Every hour' },
    { line: `${example} --replace --catch-up 12h`, about: 'Change it' },
  ],
  more: 'Secrets are not kept in a schedule: give the parameter a "valueFrom" in the definition of the task.',
  run: async ({ values, positionals: [name = '', taskName = ''] }, io) => {
    const { cron, overlap, description, paused, replace } = values;
    if (cron === undefined) throw new UsageError(`When? Write --cron "30 2 * * *". For example: ${example}`);
    const timeZone = values['time-zone'];
    const catchUpSeconds = catchUp(values['catch-up']);
    const plan = {
      cron,
      ...(timeZone === undefined ? {} : { timeZone }),
      ...(overlap === undefined ? {} : { overlap: knownOverlap(overlap) }),
      ...(catchUpSeconds === undefined ? {} : { catchUpSeconds }),
      ...(description === undefined ? {} : { description }),
      labels: Object.fromEntries(values.label.map((text) => splitPair(text, '--label', 'name=value'))),
      paused,
      ...givenLimits(values),
    };
    // Only now is the server asked: a command line that is wrong itself is refused without one.
    const client = connect(io);
    const request = await requestOf(taskName, values, client, io);
    const document: ScheduleBody = { ...request.body, ...plan };
    const schedule = await start(client, request, () => client.putSchedule(name, document, { isNew: !replace })).catch(
      (error: unknown) => {
        throw hasCode(error, 'preconditionFailed') && !replace
          ? new HintedError(error, ['write --replace to replace it, or take another name'])
          : error;
      },
    );
    if (io.json) await io.record(schedule);
    else await io.write(`${io.style.bold(schedule.name)} runs ${schedule.taskName} ${comesText(schedule, io)}\n`);
    return exitCodes.done;
  },
});

/** Secrets are left to the server, which says where their values can come from. */
async function requestOf(
  taskName: string,
  { parameter, 'param-file': file }: { parameter: string[]; 'param-file': string | undefined },
  client: Client,
  io: Io,
): Promise<MadeRequest> {
  const declared = (await declaredParameters(client, taskName))?.filter(
    ({ parameterType }) => parameterType !== 'secret',
  );
  const values = { parameter, 'param-file': file, 'secret-env': [], 'secret-file': [] };
  return { body: { taskName, parameters: await givenParameters(values, declared, io) }, declared };
}

function knownOverlap(text: string): (typeof overlaps)[number] {
  const found = overlaps.find((overlap) => overlap === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `--overlap ${text} is not known${didYouMean(text, overlaps) || '.'} It is one of ${overlaps.join(', ')}.`,
  );
}

function catchUp(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0)
    throw new UsageError(`--catch-up ${text} is no length of time: write 30m, 2h or 7d.`);
  return ms / 1000;
}
