import type { RunView } from '../../contract/run.ts';
import { paintState, printable, type Style } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { amountText } from '../terminal/amount-text.ts';
import { between, bytesText } from '../terminal/time-text.ts';
import { whatItDoes } from './follow-run.ts';

type Attempt = RunView['attempts'][number];

/** A run for people: its state and why, what was asked, what happened when, what it left. */
export function runText(run: RunView, style: Style): string {
  const parts = [
    heading(run, style),
    table(facts(run, style), { indent: '  ' }),
    ...(run.parameters.length === 0
      ? []
      : [`${style.bold('Parameters')}\n${table(parameters(run, style), { indent: '  ' })}`]),
    `${style.bold('What happened')}\n${table(timeline(run, style), { indent: '  ' })}`,
    ...result(run, style),
    ...webhooks(run, style),
  ];
  return parts.join('\n');
}

function heading(run: RunView, style: Style): string {
  const ended = run.message === undefined ? '' : `: ${printable(run.message)}`;
  const doing =
    run.endedAt === undefined && whatItDoes(run) !== run.state
      ? printable(whatItDoes(run).slice(run.state.length))
      : '';
  const stale = run.stale ? `\n${style.yellow('The platform does not answer: this may be older than it looks.')}` : '';
  const lost =
    run.state === 'lost' && run.resolution === undefined
      ? `\n${style.yellow('Nobody knows whether the work was done. Find out, then write it down:')} errand resolve ${run.id} --outcome succeeded|failed --note "…"`
      : '';
  return `${style.bold(run.taskName)} ${run.id}\n${paintState(run.state, style)}${doing}${ended}${stale}${lost}\n`;
}

function facts(run: RunView, style: Style): string[][] {
  const labels = Object.entries(run.labels).map(([name, value]) => `${name}=${value}`);
  return [
    ['asked by', printable(run.requestedBy)],
    ['image', run.definition.dockerImage],
    ['executable', `${run.executable.name}  ${style.dim(`sha256 ${run.executable.sha256.slice(0, 12)}…`)}`],
    ...(labels.length === 0 ? [] : [['labels', printable(labels.join(', '))]]),
    ...(run.schedule === undefined
      ? []
      : [['schedule', `${run.schedule.name}  ${style.dim(`planned for ${run.schedule.plannedAt}`)}`]]),
    ...(run.rerunOf === undefined ? [] : [['rerun of', run.rerunOf]]),
    ...(run.exitCode === undefined ? [] : [['exit code', String(run.exitCode)]]),
    ...(run.reason === undefined ? [] : [['reason', run.reason]]),
  ];
}

function parameters(run: RunView, style: Style): string[][] {
  return run.parameters.map(({ name, value, secret }) => [
    name,
    secret ? style.dim('(secret)') : printable(value ?? ''),
  ]);
}

function timeline(run: RunView, style: Style): string[][] {
  const rows: [at: string, what: string][] = [[run.createdAt, 'accepted']];
  for (const attempt of run.attempts) rows.push(...attemptRows(attempt, run.attempts.length > 1));
  if (run.cancel !== undefined) rows.push([run.cancel.at, `cancel asked for by ${printable(run.cancel.by)}`]);
  if (run.endedAt !== undefined) rows.push([run.endedAt, paintState(run.state, style)]);
  if (run.resolution !== undefined) {
    const { at, by, outcome, note } = run.resolution;
    rows.push([at, `resolved as ${outcome} by ${printable(by)}: ${printable(note)}`]);
  }
  return rows
    .toSorted(([a], [b]) => Date.parse(a) - Date.parse(b))
    .map(([at, what]) => [at, style.dim(`+${between(run.createdAt, at)}`), what]);
}

function attemptRows(attempt: Attempt, several: boolean): [at: string, what: string][] {
  const { number, openedAt, createdAt, fencedAt, endedAt, message, containerName, platform, counted } = attempt;
  const which = several ? `attempt ${number}: ` : '';
  const uncounted = counted ? '' : ' (nothing was started: it does not count)';
  const moments: [at: string | undefined, what: string][] = [
    [openedAt, `${which}starting on ${platform} as ${containerName}`],
    // Where the task was quicker than the platform's answer, that it was created goes without saying.
    [
      createdAt !== undefined && fencedAt !== undefined && createdAt > fencedAt ? undefined : createdAt,
      `${which}container created`,
    ],
    [fencedAt, `${which}task started`],
    [endedAt, `${which}ended${message === undefined ? '' : `: ${printable(message)}`}${uncounted}`],
  ];
  return moments.flatMap(([at, what]): [string, string][] => (at === undefined ? [] : [[at, what]]));
}

function result(run: RunView, style: Style): string[] {
  const { id, log, output, outputProblem, files, cost } = run;
  const cut = log?.truncated === true ? `, cut off: ${bytesText(log.droppedBytes)} more were written` : '';
  const incomplete = log !== undefined && !log.complete ? ', maybe incomplete' : '';
  const rows = [
    ...(log === undefined
      ? []
      : [
          [
            'log',
            `${log.lines} ${log.lines === 1 ? 'line' : 'lines'}, ${bytesText(log.bytes)}${cut}${incomplete}  ${style.dim(`errand logs ${id}`)}`,
          ],
        ]),
    ...(cost === undefined
      ? []
      : [
          [
            'cost',
            `${amountText(cost.amount, cost)}  ${style.dim(`${cost.cpuSeconds} CPU-seconds, ${cost.gbSeconds} GB-seconds, list prices of ${cost.prices.asOf}`)}`,
          ],
        ]),
    ...(output === undefined ? [] : [['output', printable(JSON.stringify(output))]]),
    ...(outputProblem === undefined ? [] : [['output', style.yellow(printable(outputProblem))]]),
    ...files.map(({ name, bytes }) => [
      'file',
      `${name}  ${bytesText(bytes)}  ${style.dim(`errand outputs ${id} ${name}`)}`,
    ]),
  ];
  return rows.length === 0 ? [] : [`${style.bold('Result')}\n${table(rows, { indent: '  ' })}`];
}

/** Who is told of its end, and how far that has come. */
function webhooks({ id, webhooks: all = [] }: RunView, style: Style): string[] {
  if (all.length === 0) return [];
  const rows = all.map(({ number, format, target, state, attempts, nextAt, endedAt, problem }) => {
    const tried = attempts > 1 ? `, ${attempts} attempts` : '';
    const when = nextAt ?? endedAt;
    const paint = state === 'dead' ? style.red : state === 'pending' ? style.yellow : style.dim;
    const why = problem === undefined ? '' : `: ${printable(problem)}`;
    const remark = state === 'dead' ? `  ${style.dim(`errand webhooks redeliver ${id} ${number}`)}` : '';
    return [
      String(number),
      printable(target),
      format,
      `${paint(state)}${when === undefined ? '' : ` ${nextAt === undefined ? '' : 'until '}${when}`}${tried}${why}${remark}`,
    ];
  });
  return [`${style.bold('Webhooks')}\n${table(rows, { indent: '  ' })}`];
}
