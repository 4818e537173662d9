import type { Context } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { isTerminal, runStates, type RunPage, type RunState } from '../contract/run.ts';
import {
  rerunRequestSchema,
  resolveRequestSchema,
  runRequestSchema,
  type RunRequest,
} from '../contract/run-request.ts';
import type { Accepted, Asker } from '../core/accept.ts';
import type { RunFilter } from '../core/ports/storage.ts';
import { problemsOf } from '../core/problems.ts';
import type { AppEnv, AppOptions } from './app-options.ts';
import { maySee } from './auth.ts';
import { checked, emptyBody, invalidRequest, readJson } from './body.ts';
import type { Handlers } from './handlers.ts';
import { idempotencyKey } from './idempotency-key.ts';
import type { HttpMetrics } from './metrics.ts';
import { query, type Query } from './query.ts';
import { furtherProblems } from './request-problems.ts';
import { pathPart, visibleRun } from './visible-run.ts';

type Names = 'createRun' | 'listRuns' | 'getRun' | 'cancelRun' | 'rerunRun' | 'resolveRun' | 'redeliverWebhook';

const defaultPageSize = 50;

export function runHandlers(options: AppOptions, metrics: Pick<HttpMetrics, 'accepted'>): Handlers<Names> {
  const { orchestrator, closing } = options;

  /** The same answer for a request and its repetition, which the header tells apart. */
  async function accepted(c: Context<AppEnv>, { run, created }: Accepted): Promise<Response> {
    if (created) metrics.accepted();
    else c.header('Idempotent-Replayed', 'true');
    c.header('Location', `/api/runs/${run.id}`);
    return c.json(await orchestrator.view(run), 202);
  }

  async function readRunRequest(c: Context<AppEnv>): Promise<{ request: RunRequest; key: string | undefined }> {
    const { key, problems: keyProblems } = idempotencyKey(c.req.raw.headers);
    const body = await readJson(c.req.raw, options);
    if (body === undefined) throw emptyBody();
    const parsed = runRequestSchema.safeParse(body.value, { reportInput: true });
    const problems = [...keyProblems, ...body.problems, ...(parsed.success ? [] : problemsOf(parsed.error))];
    if (parsed.success && problems.length === 0) return { request: parsed.data, key };
    const taskName = (body.value as { taskName?: unknown } | null)?.taskName;
    const visible = typeof taskName === 'string' && maySee(c.get('principal'), taskName);
    throw invalidRequest([
      ...problems,
      ...(visible ? await furtherProblems(taskName, body.value, orchestrator.definitions) : []),
    ]);
  }

  return {
    createRun: async (c) => {
      const { request, key } = await readRunRequest(c);
      const principal = c.get('principal');
      if (!maySee(principal, request.taskName)) {
        throw new ErrandError(
          'taskNotFound',
          `there is no task ${JSON.stringify(request.taskName.slice(0, 80))}: "errand tasks" lists those that there are, "errand push" adds one`,
        );
      }
      return accepted(c, await orchestrator.accept(request, askerOf(c, key)));
    },

    listRuns: async (c) => {
      const asked = query(c);
      const filter = readFilter(asked, c.get('principal').tasks);
      const limit = asked.whole('limit', { minimum: 1, maximum: limits.pageSize }) ?? defaultPageSize;
      const cursor = asked.one('cursor');
      asked.done();
      const page = await orchestrator.list(filter, { limit, cursor });
      const runs = await Promise.all(page.runs.map((run) => orchestrator.view(run)));
      return c.json({ runs, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) } satisfies RunPage);
    },

    getRun: async (c) => {
      const asked = query(c);
      const seconds = asked.whole('wait', { minimum: 0, maximum: limits.waitSeconds }) ?? 0;
      asked.done();
      const run = await visibleRun(c, orchestrator);
      if (seconds === 0 || isTerminal(run.state)) return c.json(await orchestrator.view(run));
      const signal = closing === undefined ? c.req.raw.signal : AbortSignal.any([c.req.raw.signal, closing]);
      return c.json(await orchestrator.view(await orchestrator.waitForEnd(run.id, seconds * 1000, signal)));
    },

    cancelRun: async (c) => {
      const { id } = await visibleRun(c, orchestrator);
      const run = await orchestrator.cancel(id, c.get('principal').name);
      return c.json(await orchestrator.view(run), isTerminal(run.state) ? 200 : 202);
    },

    rerunRun: async (c) => {
      const { key, problems } = idempotencyKey(c.req.raw.headers);
      const body = (await readJson(c.req.raw, options)) ?? { value: {}, problems: [] };
      const request = checked(rerunRequestSchema, body, problems);
      const { id } = await visibleRun(c, orchestrator);
      return accepted(c, await orchestrator.rerun(id, request, askerOf(c, key)));
    },

    redeliverWebhook: async (c) => {
      const { id } = await visibleRun(c, orchestrator);
      const number = pathPart(c, 'number');
      const run = await orchestrator.redeliver(id, /^[1-9][0-9]{0,2}$/.test(number) ? Number(number) : 0);
      return c.json(await orchestrator.view(run), 202);
    },

    resolveRun: async (c) => {
      const body = await readJson(c.req.raw, options);
      if (body === undefined) throw emptyBody();
      const request = checked(resolveRequestSchema, body);
      const { id } = await visibleRun(c, orchestrator);
      return c.json(await orchestrator.view(await orchestrator.resolve(id, request, c.get('principal').name)));
    },
  };
}

function askerOf(c: Context<AppEnv>, key: string | undefined): Asker {
  return { principal: c.get('principal').name, idempotencyKey: key, traceContext: c.get('traceContext') };
}

/** `onlyTasks`: those that exist for who asks. Storages filter by one task, so a key for several has to say which. */
function readFilter(asked: Query, onlyTasks: readonly string[] | undefined): RunFilter {
  const filter: RunFilter = {};
  const task = asked.one('task') ?? (onlyTasks?.length === 1 ? onlyTasks[0] : undefined);
  if (task !== undefined) filter.taskName = task;
  if (onlyTasks !== undefined && (task === undefined || !onlyTasks.includes(task))) {
    asked.problem(
      'task',
      task === undefined ? 'required' : 'notAllowed',
      `this key is for ${onlyTasks.join(', ')}: say which with ?task=`,
      onlyTasks,
    );
  }
  const states = asked.all('state').flatMap((text) => text.split(','));
  const wrong = states.filter((state) => !(runStates as readonly string[]).includes(state));
  if (wrong.length > 0) asked.problem('state', 'notAllowed', `state must be one of ${runStates.join(', ')}`, runStates);
  if (states.length > 0) filter.states = states as RunState[];

  const labels = Object.create(null) as Record<string, string>;
  for (const text of asked.all('label')) {
    const [name = '', ...value] = text.split('=');
    if (value.length === 0 || name === '')
      asked.problem('label', 'wrongType', 'label must be name=value', 'name=value');
    else if (name in labels)
      asked.problem('label', 'duplicate', `label ${name.slice(0, 80)} is given twice: a run has one value of it`);
    else labels[name] = value.join('=');
  }
  if (Object.keys(labels).length > limits.labels)
    asked.problem('label', 'tooLong', `at most ${limits.labels} labels`, { maximum: limits.labels });
  if (Object.keys(labels).length > 0) filter.labels = labels;

  const since = asked.one('since');
  if (since !== undefined) {
    const at = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(since)
      ? Date.parse(since)
      : Number.NaN;
    if (Number.isNaN(at))
      asked.problem(
        'since',
        'wrongType',
        'since must be an instant such as 2026-01-31T12:00:00Z, or a day',
        'RFC 3339',
      );
    else filter.since = new Date(at).toISOString();
  }
  return filter;
}
