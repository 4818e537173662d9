import { ulid } from 'ulid';
import { expect, test } from 'vitest';

import { overviewSchema } from '../../src/contract/overview.ts';
import type { TerminalState } from '../../src/contract/run-states.ts';
import { instant } from '../../src/core/clock.ts';
import type { EndedRun, RunRecord } from '../../src/core/run-record.ts';
import { summarizeRuns, type RunsToSummarize } from '../../src/core/summarize-runs.ts';
import { ended, queued, running, t0 } from './support/records.ts';

const hour = 3_600_000;
const dayLater = t0 + 24 * hour;

const at = (ms: number, changes: Partial<EndedRun> = {}): EndedRun =>
  ended({
    id: ulid(t0 + ms).toLowerCase(),
    createdAt: instant(t0 + ms),
    endedAt: instant(t0 + ms + 9_000),
    ...changes,
  });
const receipt = (amount: number) => ({
  currency: 'USD',
  amount,
  cpuSeconds: 1,
  gbSeconds: 1,
  prices: { asOf: '2026-01-01', source: 'list' },
});

const summary = (given: Partial<RunsToSummarize>) => {
  const overview = summarizeRuns({
    at: dayLater,
    since: t0,
    complete: true,
    runs: [],
    openRuns: [],
    open: { queued: 0, starting: 0, running: 0 },
    invalidTasks: [],
    places: [],
    ...given,
  });
  // Whatever is summed up, it is what the API promises.
  expect(overviewSchema.parse(overview)).toEqual(overview);
  return overview;
};
const newestFirst = (runs: RunRecord[]) => runs.toSorted((a, b) => (a.id < b.id ? 1 : -1));

test('of nothing there are no rates, and no attention is needed', () => {
  const { successRate, startMs, cost, attention, series, tasks } = summary({});
  expect([successRate, startMs, cost, attention, tasks]).toEqual([undefined, undefined, undefined, [], []]);
  expect(series).toHaveLength(24);
});

test('rates leave out what was canceled or is still open; a start is measured from accepting', () => {
  const states: TerminalState[] = ['succeeded', 'succeeded', 'succeeded', 'failed', 'canceled', 'lost'];
  const runs = states.map((state, index) =>
    at(index * hour, { state, startedAt: instant(t0 + index * hour + (index + 1) * 1_000), cost: receipt(0.1) }),
  );
  const open = running({
    id: ulid(t0 + 9 * hour).toLowerCase(),
    createdAt: instant(t0 + 9 * hour),
    startedAt: instant(t0 + 9 * hour + 500),
  });
  const overview = summary({ runs: newestFirst([...runs, open]) });
  expect(overview).toMatchObject({
    runs: 7,
    ended: { succeeded: 3, failed: 1, canceled: 1, lost: 1 },
    successRate: 0.6,
    startMs: { p50: 3_000, p95: 6_000, runs: 7 },
    cost: { currency: 'USD', amount: 0.6 },
    bucketSeconds: 3_600,
  });
  expect(
    overview.series
      .slice(0, 10)
      .map(({ succeeded, unsuccessful, canceled, open: still, cost }) => [
        succeeded,
        unsuccessful,
        canceled,
        still,
        cost,
      ]),
  ).toEqual([
    [1, 0, 0, 0, 0.1],
    [1, 0, 0, 0, 0.1],
    [1, 0, 0, 0, 0.1],
    [0, 1, 0, 0, 0.1],
    [0, 0, 1, 0, 0.1],
    [0, 1, 0, 0, 0.1],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 1, 0],
  ]);
});

test('a run at either border is in the first or the last bucket', () => {
  const { series } = summary({ runs: newestFirst([at(0), at(24 * hour), at(24 * hour + 5)]) });
  expect([series[0]?.succeeded, series.at(-1)?.succeeded]).toEqual([1, 2]);
});

test('the latest runs of each task, ten at most, newest first', () => {
  const runs = newestFirst([...Array.from({ length: 12 }, (_, index) => at(index)), at(99, { taskName: 'Other' })]);
  const { tasks } = summary({ runs });
  expect(tasks.map(({ taskName, runs: latest }) => [taskName, latest.length, latest[0]?.id])).toEqual([
    ['Other', 1, runs[0]?.id],
    ['Demo', 10, runs[1]?.id],
  ]);
});

test('what waits is told by its reason, the most first', () => {
  const waits = (reason: 'capacity' | 'backoff', message: string, ms: number) =>
    queued({ createdAt: instant(t0 + ms), waiting: { reason, message } });
  const { waiting } = summary({
    openRuns: [
      waits('capacity', 'full', 5),
      waits('backoff', 'again at 1', 3),
      waits('backoff', 'again at 2', 1),
      queued(),
      running(),
    ],
  });
  expect(waiting).toEqual([
    { reason: 'backoff', message: 'again at 1', runs: 2, oldest: instant(t0 + 1) },
    { reason: 'capacity', message: 'full', runs: 1, oldest: instant(t0 + 5) },
  ]);
});

test('attention is asked for what is lost, stale, failing, waiting for long, or not valid', () => {
  const failing = [1, 2, 3].map((ms) => at(ms, { taskName: 'Bad', state: 'failed', message: 'exit code 9' }));
  // A cancel says nothing about a task, and one good run ends a row.
  const mixed = (['failed', 'failed', 'succeeded', 'failed', 'canceled', 'failed'] as const).map((state, index) =>
    at(10 + index, { taskName: 'Mixed', state }),
  );
  const lost = at(20, { state: 'lost', message: 'gone' });
  const resolved = at(21, { state: 'lost', resolution: { outcome: 'failed', note: 'n', by: 'a', at: instant(t0) } });
  const { attention } = summary({
    runs: newestFirst([...failing, ...mixed, lost, resolved]),
    openRuns: [
      running({ staleSince: instant(t0) }),
      queued({ createdAt: instant(dayLater - 16 * 60_000), waiting: { reason: 'capacity', message: 'full' } }),
      queued({ createdAt: instant(dayLater - 60_000), waiting: { reason: 'capacity', message: 'full' } }),
    ],
    invalidTasks: [{ taskName: 'Wrong', enabled: true, valid: false, problem: 'no image' }],
  });
  expect(attention.map(({ kind, runs, runId, taskName }) => [kind, runs, runId, taskName])).toEqual([
    ['lost', 1, lost.id, undefined],
    ['stale', 1, expect.any(String), undefined],
    ['failing', 3, failing[2]?.id, 'Bad'],
    ['waiting', 1, expect.any(String), undefined],
    ['invalidTask', 0, undefined, 'Wrong'],
  ]);
  expect(attention[2]?.message).toBe('Bad has not succeeded 3 times in a row: exit code 9');
});
