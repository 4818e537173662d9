import type { MiddlewareHandler } from 'hono';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { runStates, isTerminal } from '../contract/run.ts';
import { fromInstant, type Clock } from '../core/clock.ts';
import type { Orchestrator } from '../core/orchestrator.ts';
import type { Storage } from '../core/ports/storage.ts';
import type { Schedules } from '../core/schedules.ts';
import type { AppEnv } from './app-options.ts';
import type { RouteName } from './handlers.ts';

export interface HttpMetrics {
  /** Counts a run that was accepted now. */
  accepted(): void;
  /** Times the requests of a route. An event stream counts until its answer begins. */
  measure(route: RouteName): MiddlewareHandler<AppEnv>;
  text(): Promise<{ contentType: string; body: string }>;
}

interface MetricsOptions {
  clock: Clock;
  storage: Pick<Storage, 'countOpen'>;
  orchestrator: Pick<Orchestrator, 'onEnd' | 'onDelivery'> & { schedules: Pick<Schedules, 'onFiring'> };
}

/** Metrics of one app, in a registry of its own. Open runs are counted in the storage when somebody asks, so that they hold for all processes. */
export function httpMetrics({ clock, storage, orchestrator }: MetricsOptions): HttpMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'errand_http_requests_total',
    help: 'Requests answered by this process',
    labelNames: ['route', 'status'] as const,
    registers,
  });
  const seconds = new Histogram({
    name: 'errand_http_request_duration_seconds',
    help: 'From a request to the beginning of its answer',
    labelNames: ['route'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const accepted = new Counter({
    name: 'errand_runs_accepted_total',
    help: 'Runs accepted by this process',
    registers,
  });
  const ended = new Counter({
    name: 'errand_runs_ended_total',
    help: 'Runs whose end this process has recorded',
    labelNames: ['state', 'reason'] as const,
    registers,
  });
  const runSeconds = new Histogram({
    name: 'errand_run_duration_seconds',
    help: 'From accepting a run to its end',
    labelNames: ['state'] as const,
    buckets: [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400],
    registers,
  });
  orchestrator.onEnd(({ state, reason, createdAt, endedAt }) => {
    ended.inc({ state, reason });
    runSeconds.observe({ state }, (fromInstant(endedAt) - fromInstant(createdAt)) / 1000);
  });
  const firings = new Counter({
    name: 'errand_schedule_firings_total',
    help: 'Planned times of schedules that this process has seen to',
    labelNames: ['outcome', 'reason'] as const,
    registers,
  });
  orchestrator.schedules.onFiring(({ outcome, reason = '' }, created) => {
    firings.inc({ outcome, reason });
    if (created) accepted.inc();
  });
  const deliveries = new Counter({
    name: 'errand_webhook_attempts_total',
    help: 'Attempts of this process to deliver a webhook; failed ones are made again',
    labelNames: ['format', 'outcome'] as const,
    registers,
  });
  orchestrator.onDelivery(({ format, state }) => {
    deliveries.inc({ format, outcome: state === 'pending' ? 'failed' : state });
  });
  const open = new Gauge({
    name: 'errand_open_runs',
    help: 'Runs that have not ended, of all processes on this storage',
    labelNames: ['state'] as const,
    registers,
  });

  return {
    accepted: () => accepted.inc(),
    measure: (route) => async (c, next) => {
      const start = clock.monotonic();
      await next();
      seconds.observe({ route }, (clock.monotonic() - start) / 1000);
      requests.inc({ route, status: String(c.res.status) });
    },
    text: async () => {
      const counts = await storage.countOpen();
      for (const state of runStates) if (!isTerminal(state)) open.set({ state }, counts[state] ?? 0);
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
