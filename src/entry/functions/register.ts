import type {
  app as functionsApp,
  HttpMethod,
  HttpRequest,
  HttpResponseInit,
  InvocationContext,
} from '@azure/functions';
import { ErrandError, errorTable } from '../../contract/errors.ts';
import { systemClock } from '../../core/clock.ts';
import { scheduleOf } from '../../core/schedule-record.ts';
import { decodeMessage } from '../../queues/azure-queue-message.ts';
import { settingNameOf, settingOf } from '../azure-setting-names.ts';
import { defaultQueue } from '../azure-storage-config.ts';
import type { Environment } from '../config.ts';
import { functionsLogger } from './functions-logger.ts';
import type { FunctionsParts } from './parts.ts';
import { toRequest, toResponseInit } from './web-request.ts';

const methods: HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];

/**
 * A browser cannot show the host a key for a page. These come before the route of the API, whose first segment is not written out; the first one is the
 * empty path, which an empty route would not be (https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger).
 */
const pageRoutes = {
  dashboard: '{nothing:maxlength(0)?}',
  dashboardAssets: 'assets/{*file}',
  dashboardRuns: 'runs/{*run}',
  dashboardSchedules: 'schedules',
  dashboardTasks: 'tasks/{*task}',
} as const;

/** On the hour. While runs are open, the queue has sweeps in shorter intervals. */
const hourly = '0 0 * * * *';

/**
 * Registers the functions: `api` (the whole HTTP API), `work` (wake-ups and events from the queue), `sweep` (the safety net), and those of the dashboard
 * where the host keeps everybody from `api` who has no key. Nothing else is loaded or connected before the first call: a host that only wants to know which
 * functions there are has its answer at once.
 */
export function registerFunctions(app: typeof functionsApp, from: Environment): void {
  const logger = functionsLogger(settingOf(from, 'ERRAND_LOG_LEVEL') ?? 'info');
  let making: Promise<FunctionsParts> | undefined;
  let metricsAt = -Infinity;
  let waitAgainAt = -Infinity;

  /** What failed is tried again by the next call: a storage account may answer by then. */
  function parts(): Promise<FunctionsParts> {
    making ??= import('./parts.ts')
      .then(({ functionsParts }) => functionsParts(from, logger))
      .catch((error: unknown) => {
        making = undefined;
        throw error;
      });
    return making;
  }

  async function api(request: HttpRequest, { traceContext }: InvocationContext): Promise<HttpResponseInit> {
    try {
      const { fetch, isToldByHost } = await parts();
      return toResponseInit(await fetch(toRequest(request, isToldByHost ? traceContext : undefined)));
    } catch (error) {
      logger.error({ err: error }, 'a request could not be answered');
      return failure(error);
    }
  }

  async function page(request: HttpRequest): Promise<HttpResponseInit> {
    const { dashboardPage } = await import('./dashboard-pages.ts');
    return toResponseInit(await dashboardPage(toRequest(request)));
  }

  async function work(entry: unknown): Promise<void> {
    const message = decodeMessage(typeof entry === 'string' ? entry : JSON.stringify(entry));
    if (message.kind === 'poison')
      throw new ErrandError('invalidRequest', `a message of the work queue cannot be worked on: ${message.why}`);
    const { orchestrator, queue, clock, chain } = await parts();
    if (message.kind === 'event') return orchestrator.onEvent(message.runId);
    const { wakeUp, at } = message;
    // A queue hides a message for a week at most: longer waits are made of several.
    if (at > clock.now() + earlyMs) return queue.schedule(wakeUp, at);
    if (chain.isOne(wakeUp)) return chain.go(wakeUp);
    await orchestrator.onWakeUp(wakeUp);
    // A schedule may have started the one run that is open.
    if (scheduleOf(wakeUp) !== undefined) await chain.ensure();
  }

  async function sweep(): Promise<void> {
    const { orchestrator, chain } = await parts();
    logger.info(await orchestrator.sweep(), 'swept');
    await chain.ensure();
  }

  /** Once an invocation has ended, the host may stop the process, and what was not exported is lost. */
  async function exportAll(): Promise<void> {
    const telemetry =
      making === undefined
        ? undefined
        : await making.then(
            (made) => made.telemetry,
            () => undefined,
          );
    if (telemetry === undefined) return;
    const now = systemClock.monotonic();
    if (now < waitAgainAt) return;
    const isTime = now - metricsAt >= metricsEveryMs;
    if (isTime) metricsAt = now;
    const isDone = await telemetry.flush(isTime ? 'all' : 'spans', exportMs);
    // Callers are not made to wait, again and again, for somebody who does not answer.
    if (!isDone) waitAgainAt = now + exportPauseMs;
  }

  const within =
    <T, R>(handler: (input: T, context: InvocationContext) => Promise<R>) =>
    (input: T, context: InvocationContext): Promise<R> =>
      logger.within(context, async () => {
        try {
          return await handler(input, context);
        } finally {
          await exportAll();
        }
      });

  app.setup({ enableHttpStream: true });
  const authLevel = settingOf(from, 'ERRAND_AUTH_LEVEL') === 'anonymous' ? 'anonymous' : 'function';
  app.http('api', { route: '{*path}', methods, authLevel, handler: within(api) });
  if (authLevel === 'function') {
    for (const [name, route] of Object.entries(pageRoutes))
      app.http(name, { route, methods: ['GET', 'HEAD'], authLevel: 'anonymous', handler: within(page) });
  }
  app.storageQueue('work', {
    queueName: settingOf(from, 'ERRAND_QUEUE') ?? defaultQueue,
    // The name of a setting: that of the connection string where there is one, else of the host's own storage, whose identity is ours.
    connection: settingNameOf(from, 'ERRAND_STORAGE_CONNECTION_STRING') ?? 'AzureWebJobsStorage',
    handler: within(work),
  });
  app.timer('sweep', { schedule: hourly, handler: within(sweep) });
  app.hook.appTerminate(async () => {
    const made = making;
    making = undefined;
    await (await made)?.close();
  });
}

/** The most that an invocation waits for its telemetry to be exported, in milliseconds. */
const exportMs = 1_000;

/** How long no invocation waits after one has done so in vain, in milliseconds. */
const exportPauseMs = 60_000;

/** Metrics add up, so not every invocation has to export them. */
const metricsEveryMs = 30_000;

/** Clocks of two machines may differ by this, in milliseconds: what is due by the queue's is due. */
const earlyMs = 60_000;

/** Where there is no app yet to answer, what it would have answered. */
function failure(error: unknown): HttpResponseInit {
  const code = error instanceof ErrandError ? error.code : 'internal';
  const { status, title, retryable, fault } = errorTable[code];
  const detail =
    error instanceof ErrandError ? error.message : 'Errand could not start: the log of the function app says why';
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
    body: JSON.stringify({ type: `/docs/errors#${code}`, title, status, code, detail, retryable, fault }),
  };
}
