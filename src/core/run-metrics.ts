import { metrics, type Attributes } from '@opentelemetry/api';
import { attemptPhases, queuedSince } from './attempt-phases.ts';
import { fromInstant } from './clock.ts';
import { scope } from './run-spans.ts';
import type { AttemptRecord, EndedRun, RunRecord } from './run-record.ts';
import type { Schedules } from './schedules.ts';
import type { Delivery } from './webhooks.ts';

/** Figures of runs by the metrics API: they go nowhere unless an SDK was registered before. Labels are of few values: names of tasks and codes, never an id. */
export interface RunMetrics {
  /** `outcome`: `created`, `replayed` (an idempotency key led to an earlier run), or the code of the refusal. A name is told only of tasks that there are. */
  accepted(outcome: string, taskName?: string): void;
  opened(run: RunRecord, attempt: AttemptRecord): void;
  attemptEnded(run: RunRecord, attempt: AttemptRecord): void;
  /** Another attempt follows this one. */
  retried(run: RunRecord, attempt: AttemptRecord): void;
  ended(run: EndedRun): void;
  driverFailed(platform: string, operation: string, error: string): void;
  /** An attempt to deliver a webhook. */
  delivered(delivery: Pick<Delivery, 'format' | 'state'>): void;
  /** A planned time of a schedule was seen to. */
  fired: Parameters<Schedules['onFiring']>[0];
}

const secondsOfStarts = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];
const secondsOfRuns = [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400];

export function runMetrics(): RunMetrics {
  const meter = metrics.getMeter(scope);
  const histogram = (name: string, description: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries } });
  const requests = meter.createCounter('errand.run.requests', {
    unit: '{request}',
    description: 'Requests for a run, by what came of them',
  });
  const queued = histogram(
    'errand.run.queue.duration',
    'From the acceptance of a run, or the end of an attempt, to the opening of the next attempt',
    secondsOfRuns,
  );
  const phases = histogram('errand.attempt.phase.duration', 'Where the time of an attempt went', secondsOfStarts);
  const runs = histogram('errand.run.duration', 'From the acceptance of a run to its end', secondsOfRuns);
  const ends = meter.createCounter('errand.run.ended', { unit: '{run}', description: 'Runs that have ended' });
  const retries = meter.createCounter('errand.run.retries', {
    unit: '{attempt}',
    description: 'Attempts that another one follows, by why they ended',
  });
  const failures = meter.createCounter('errand.driver.errors', {
    unit: '{error}',
    description: 'Calls to a platform that failed',
  });
  const deliveries = meter.createCounter('errand.webhook.attempts', {
    unit: '{attempt}',
    description: 'Attempts to deliver a webhook, by what came of them; failed ones are made again',
  });
  const firings = meter.createCounter('errand.schedule.firings', {
    unit: '{firing}',
    description: 'Planned times of schedules, by what came of them',
  });
  const task = ({ taskName }: Pick<RunRecord, 'taskName'>): Attributes => ({ 'errand.task': taskName });

  return {
    accepted: (outcome, taskName) =>
      requests.add(1, { 'errand.outcome': outcome, ...(taskName === undefined ? {} : task({ taskName })) }),
    opened: (run, { number, openedAt }) =>
      queued.record((fromInstant(openedAt) - queuedSince(run, number)) / 1000, task(run)),
    attemptEnded: (run, attempt) => {
      for (const { name, from, to } of attemptPhases(attempt))
        phases.record((to - from) / 1000, {
          ...task(run),
          'errand.phase': name,
          'errand.platform': attempt.platform,
        });
    },
    retried: (run, { reason }) => retries.add(1, { ...task(run), 'errand.reason': reason ?? '_OTHER' }),
    ended: (run) => {
      const { state, reason, createdAt, endedAt } = run;
      ends.add(1, { ...task(run), 'errand.run.state': state, 'errand.reason': reason });
      runs.record((fromInstant(endedAt) - fromInstant(createdAt)) / 1000, { ...task(run), 'errand.run.state': state });
    },
    driverFailed: (platform, operation, error) =>
      failures.add(1, { 'errand.platform': platform, 'errand.driver.operation': operation, 'error.type': error }),
    delivered: ({ format, state }) =>
      deliveries.add(1, {
        'errand.webhook.format': format,
        'errand.outcome': state === 'pending' ? 'failed' : state,
      }),
    fired: ({ outcome, reason }) =>
      firings.add(1, { 'errand.outcome': outcome, ...(reason === undefined ? {} : { 'errand.reason': reason }) }),
  };
}
