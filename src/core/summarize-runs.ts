import type { Overview } from '../contract/overview.ts';
import { isTerminal, type TerminalState } from '../contract/run-states.ts';
import type { TaskSummary } from '../contract/run.ts';
import { fromInstant, instant } from './clock.ts';
import type { RunRecord } from './run-record.ts';
import { isEnded } from './view.ts';

export interface RunsToSummarize extends Pick<Overview, 'complete' | 'open' | 'places'> {
  /** Milliseconds since the epoch, like `since`. */
  at: number;
  since: number;
  /** Newest first. */
  runs: readonly RunRecord[];
  openRuns: readonly RunRecord[];
  invalidTasks: readonly TaskSummary[];
}

const buckets = 24;
const lastRuns = 10;
/** Failures in a row that are no accident any more. */
const failuresInARow = 3;
/** A queue that moves is nobody's concern. */
const longWaitMs = 15 * 60_000;

/** The overview of these runs. Pure. */
export function summarizeRuns(given: RunsToSummarize): Overview {
  const { at, since, complete, runs, openRuns, open, places } = given;
  const ended: Partial<Record<TerminalState, number>> = {};
  for (const { state } of runs) if (isTerminal(state)) ended[state] = (ended[state] ?? 0) + 1;
  const meant = runs.filter(({ state }) => isTerminal(state) && state !== 'canceled').length;
  const starts = runs
    .flatMap((run) =>
      'startedAt' in run && run.startedAt !== undefined
        ? [fromInstant(run.startedAt) - fromInstant(run.createdAt)]
        : [],
    )
    .map((ms) => Math.max(0, ms))
    .toSorted((a, b) => a - b);
  const currency = runs.find(({ cost }) => cost !== undefined)?.cost?.currency;
  const tasks = lastRunsOf(runs);
  return {
    at: instant(at),
    since: instant(since),
    runs: runs.length,
    complete,
    open,
    waiting: waitingOf(openRuns),
    ended,
    ...(meant === 0 ? {} : { successRate: (ended.succeeded ?? 0) / meant }),
    ...(starts.length === 0
      ? {}
      : { startMs: { p50: percentile(starts, 0.5), p95: percentile(starts, 0.95), runs: starts.length } }),
    ...(currency === undefined ? {} : { cost: { currency, amount: rounded(sum(runs.map(costOf))) } }),
    ...series(runs, since, at),
    places,
    attention: attention(given, tasks),
    tasks: [...tasks].map(([taskName, latest]) => ({
      taskName,
      runs: latest.map(({ id, state, createdAt }) => ({ id, state, createdAt })),
    })),
  };
}

/** By the nearest rank: a value that was measured. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}

/** To a millionth, as receipts are. */
function rounded(amount: number): number {
  return Math.round(amount * 1_000_000) / 1_000_000;
}

function costOf({ cost }: RunRecord): number {
  return cost?.amount ?? 0;
}

function series(runs: readonly RunRecord[], since: number, at: number): Pick<Overview, 'bucketSeconds' | 'series'> {
  const bucketSeconds = Math.max(1, Math.round((at - since) / 1000 / buckets));
  const counted = Array.from({ length: buckets }, (_, index) => ({
    from: instant(since + index * bucketSeconds * 1000),
    succeeded: 0,
    unsuccessful: 0,
    canceled: 0,
    open: 0,
    cost: 0,
  }));
  for (const run of runs) {
    const index = Math.floor((fromInstant(run.createdAt) - since) / 1000 / bucketSeconds);
    const bucket = counted[Math.min(buckets - 1, Math.max(0, index))];
    if (bucket === undefined) continue;
    bucket.cost += costOf(run);
    if (!isTerminal(run.state)) bucket.open += 1;
    else if (run.state === 'succeeded' || run.state === 'canceled') bucket[run.state] += 1;
    else bucket.unsuccessful += 1;
  }
  return { bucketSeconds, series: counted.map((bucket) => ({ ...bucket, cost: rounded(bucket.cost) })) };
}

function waitingOf(openRuns: readonly RunRecord[]): Overview['waiting'] {
  const groups = new Map<string, Overview['waiting'][number]>();
  for (const run of openRuns) {
    if (run.state !== 'queued' || run.waiting === undefined) continue;
    const { reason, message } = run.waiting;
    const key = reason === 'backoff' ? reason : `${reason} ${message}`;
    const group = groups.get(key) ?? { reason, message, runs: 0, oldest: run.createdAt };
    group.runs += 1;
    if (run.createdAt < group.oldest) group.oldest = run.createdAt;
    groups.set(key, group);
  }
  return [...groups.values()].toSorted((a, b) => b.runs - a.runs).slice(0, 20);
}

function lastRunsOf(runs: readonly RunRecord[]): Map<string, RunRecord[]> {
  const byTask = new Map<string, RunRecord[]>();
  for (const run of runs) {
    const latest = byTask.get(run.taskName) ?? [];
    if (latest.length < lastRuns) latest.push(run);
    byTask.set(run.taskName, latest);
  }
  return byTask;
}

function attention(
  { at, runs, openRuns, invalidTasks }: RunsToSummarize,
  tasks: ReadonlyMap<string, readonly RunRecord[]>,
): Overview['attention'] {
  const found: Overview['attention'] = [];
  const lost = runs.filter(({ state, resolution }) => state === 'lost' && resolution === undefined);
  if (lost.length > 0) {
    found.push({
      kind: 'lost',
      message: `${lost.length === 1 ? '1 run is' : `${lost.length} runs are`} lost: nobody knows whether the work was done. Find out, and resolve`,
      runs: lost.length,
      ...idOfOnly(lost),
    });
  }
  const stale = openRuns.filter(({ staleSince }) => staleSince !== undefined);
  if (stale.length > 0) {
    found.push({
      kind: 'stale',
      message: `the platform does not answer about ${stale.length === 1 ? '1 run' : `${stale.length} runs`}: states may be older than they look`,
      runs: stale.length,
      ...idOfOnly(stale),
    });
  }
  for (const [taskName, latest] of tasks) {
    const ended = latest.filter(isEnded).filter(({ state }) => state !== 'canceled');
    const firstGood = ended.findIndex(({ state }) => state === 'succeeded');
    const failures = firstGood === -1 ? ended.length : firstGood;
    const [last] = ended;
    if (failures < failuresInARow || last === undefined) continue;
    const times = failures === lastRuns ? `${failures} times or more` : `${failures} times`;
    found.push({
      kind: 'failing',
      message: `${taskName} has not succeeded ${times} in a row: ${last.message}`,
      runs: failures,
      runId: last.id,
      taskName,
    });
  }
  const waiting = openRuns.filter(
    (run) => run.state === 'queued' && run.waiting !== undefined && at - fromInstant(run.createdAt) > longWaitMs,
  );
  if (waiting.length > 0) {
    found.push({
      kind: 'waiting',
      message: `${waiting.length === 1 ? '1 run has' : `${waiting.length} runs have`} waited for more than 15 minutes`,
      runs: waiting.length,
      ...idOfOnly(waiting),
    });
  }
  for (const { taskName, problem } of invalidTasks) {
    found.push({
      kind: 'invalidTask',
      message: `${taskName} cannot be run: ${problem ?? 'its definition is not valid'}`,
      runs: 0,
      taskName,
    });
  }
  return found;
}

function idOfOnly(runs: readonly RunRecord[]): { runId?: string } {
  const [first] = runs;
  return runs.length === 1 && first !== undefined ? { runId: first.id } : {};
}
