import type { Firing, ScheduleView } from '../../contract/schedule.ts';
import type { Io } from '../terminal/io.ts';
import { printable, type Style } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { duration } from '../terminal/time-text.ts';

/** When it comes next: `at 30 2 * * * (Europe/Berlin), next 2027-01-16T01:30:00.000Z, in 3 h 2 min`. */
export function comesText({ cron, timeZone, nextAt, paused }: ScheduleView, io: Pick<Io, 'clock'>): string {
  const planned = `at ${cron} (${timeZone})`;
  if (paused) return `${planned}; it is paused`;
  if (nextAt === undefined) return `${planned}; it does not come any more`;
  return `${planned}, next ${nextAt}, ${inText(nextAt, io)}`;
}

export function inText(at: string, { clock }: Pick<Io, 'clock'>): string {
  const ms = Date.parse(at) - clock.now();
  return ms <= 0 ? 'now' : `in ${duration(ms)}`;
}

/** What came of a planned time, in a few words. */
export function firingText({ outcome, reason, message }: Firing, style: Style): string {
  const paint = { started: style.green, skipped: style.yellow, failed: style.red }[outcome];
  const [why = ''] = printable(message ?? '').split('\n', 1);
  return `${paint(outcome)}${reason === undefined ? '' : ` (${printable(reason)})`}${why === '' ? '' : `  ${style.dim(why)}`}`;
}

/** A schedule for people. */
export function scheduleText(schedule: ScheduleView, io: Pick<Io, 'clock' | 'style'>): string {
  const { style } = io;
  const { name, taskName, description, parameters, labels, overlap, catchUpSeconds, retrying, upcoming, firings } =
    schedule;
  const labelTexts = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const facts = [
    ['runs', taskName],
    ['comes', comesText(schedule, io)],
    ['overlap', overlap],
    ['catches up', duration(catchUpSeconds * 1000)],
    ...(labelTexts.length === 0 ? [] : [['labels', printable(labelTexts.join(', '))]]),
    ...(description === undefined ? [] : [['for', printable(description)]]),
    ['changed', `${schedule.updatedAt} by ${printable(schedule.updatedBy)}`],
    ...(retrying === undefined
      ? []
      : [['trouble', style.yellow(`tried ${retrying.failures} times: ${printable(retrying.message)}`)]]),
  ];
  const values = parameters.map((each) => [
    each.name,
    printable(typeof each.value === 'string' ? each.value : JSON.stringify(each.value)),
  ]);
  return [
    `${style.bold(name)}${schedule.paused ? `  ${style.yellow('paused')}` : ''}\n`,
    table(facts, { indent: '  ' }),
    ...section('Parameters', values, style),
    ...section(
      'Comes next',
      upcoming.map((at) => [at, style.dim(inText(at, io))]),
      style,
    ),
    ...section(
      'What came of it',
      firings.map((firing) => firingRow(firing, style)),
      style,
    ),
  ].join('');
}

function section(title: string, rows: string[][], style: Style): string[] {
  return rows.length === 0 ? [] : [`\n${style.bold(title)}\n`, table(rows, { indent: '  ' })];
}

function firingRow(firing: Firing, style: Style): string[] {
  const { plannedAt, runId, outcome, passedOverFrom } = firing;
  const passed = passedOverFrom === undefined ? '' : style.dim(`  those from ${passedOverFrom} on were passed over`);
  return [plannedAt, outcome === 'started' ? (runId ?? '') : '', `${firingText(firing, style)}${passed}`];
}
