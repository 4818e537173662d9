import type { MiddlewareHandler } from 'hono';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { runStates, isTerminal } from '../contract/run.ts';
import type { Clock } from '../core/clock.ts';
import type { Storage } from '../core/ports/storage.ts';
import type { AppEnv } from './app-options.ts';
import type { RouteName } from './handlers.ts';

export interface HttpMetrics {
  /** Counts a run that was accepted now. */
  accepted(): void;
  /** Times the requests of a route. An event stream counts until its answer begins. */
  measure(route: RouteName): MiddlewareHandler<AppEnv>;
  text(): Promise<{ contentType: string; body: string }>;
}

/** Metrics of one app, in a registry of its own. Open runs are counted in the storage when somebody asks, so that they hold for all processes. */
export function httpMetrics({ clock, storage }: { clock: Clock; storage: Pick<Storage, 'countOpen'> }): HttpMetrics {
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
