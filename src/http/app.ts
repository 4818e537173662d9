import { Hono } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import { routes, type Route } from '../contract/routes.ts';
import type { AppEnv, AppOptions } from './app-options.ts';
import { requireScope } from './auth.ts';
import { changeHandlers } from './changes.ts';
import { guardHost } from './guard-host.ts';
import type { Handlers, RouteName } from './handlers.ts';
import { logHandlers } from './logs.ts';
import { mcpHandlers } from './mcp.ts';
import { httpMetrics } from './metrics.ts';
import { operationHandlers } from './operations.ts';
import { outputHandlers } from './outputs.ts';
import { overviewHandlers } from './overview.ts';
import { problemResponse } from './problem.ts';
import { requestId } from './request-id.ts';
import { requestSpans } from './request-span.ts';
import { runHandlers } from './runs.ts';
import { scheduleHandlers } from './schedules.ts';
import { securityHeaders } from './security-headers.ts';
import { taskVersionHandlers } from './task-versions.ts';
import { taskHandlers } from './tasks.ts';

/** The API as one `fetch(Request)`. Every address of the route table has its handler here, and no other is served: each is let in by its scope. */
export function createApp(options: AppOptions): Hono<AppEnv> {
  const { keys, closing, dashboard, logger } = options;
  const metrics = httpMetrics(options);
  const app = new Hono<AppEnv>();
  const traced = requestSpans(options);
  const handlers: Handlers = {
    ...runHandlers(options, metrics),
    ...logHandlers(options),
    ...outputHandlers(options),
    ...taskHandlers(options),
    ...taskVersionHandlers(options),
    ...scheduleHandlers(options),
    ...overviewHandlers(options),
    ...changeHandlers(options),
    ...operationHandlers(options, metrics),
    ...mcpHandlers(options, async (request) => app.fetch(request)),
  };
  app.onError((error, c) => problemResponse(c, error, logger));
  app.use(requestId, securityHeaders);
  if (keys === undefined) app.use(guardHost);
  app.use(async (_, next) => {
    if (closing?.aborted === true)
      throw new ErrandError('shuttingDown', 'the server is stopping: try again in a moment', { retryAfterSeconds: 1 });
    return next();
  });
  for (const name of Object.keys(routes) as RouteName[]) {
    const route: Route = routes[name];
    app.on(
      route.method.toUpperCase(),
      honoPath(route),
      traced(route),
      metrics.measure(name),
      requireScope(route, options),
      handlers[name],
    );
  }
  app.notFound(async (c) => {
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
    const page = isRead ? await dashboard?.answer(c.req.raw) : undefined;
    if (page !== undefined) return page;
    const allowed = methodsOf(c.req.path);
    if (allowed.length === 0)
      throw new ErrandError(
        'routeNotFound',
        'there is nothing at this address: GET /api/openapi.json lists all that there is',
      );
    c.header('Allow', allowed.join(', '));
    throw new ErrandError('methodNotAllowed', `this address takes ${allowed.join(', ')}`);
  });
  return app;
}

function honoPath({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function methodsOf(path: string): string[] {
  const matching = Object.values(routes).filter((route: Route) =>
    new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  return matching.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
}
