import type { Context } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import type { Check, Plan } from '../contract/run.ts';
import { runRequestSchema } from '../contract/run-request.ts';
import type { StoredTask } from '../core/definitions.ts';
import { parameterSchema } from '../core/parameter-schema.ts';
import { problemsOf } from '../core/problems.ts';
import { versionOf } from '../core/versions.ts';
import type { AppEnv, AppOptions } from './app-options.ts';
import { maySee } from './auth.ts';
import { invalidRequest, readJson } from './body.ts';
import type { Handlers } from './handlers.ts';
import { readPush } from './push.ts';
import { furtherProblems } from './request-problems.ts';
import { visibleTask } from './visible-task.ts';

type Names = 'listTasks' | 'getTask' | 'putTask' | 'deleteTask' | 'getTaskSchema' | 'checkTask' | 'planTask';

const planRequestSchema = runRequestSchema.omit({ taskName: true });

export function taskHandlers(options: AppOptions): Handlers<Names> {
  const { orchestrator, artifacts } = options;
  const { definitions } = orchestrator;

  async function answer(
    c: Context<AppEnv>,
    { definition, document, etag }: StoredTask,
    status: 200 | 201,
  ): Promise<Response> {
    const found = await artifacts.describe(definition.scriptName, { signal: c.req.raw.signal });
    const executable =
      found === undefined
        ? undefined
        : { name: found.name, sha256: found.sha256, etag: found.etag, bytes: found.bytes };
    c.header('ETag', `"${etag}"`);
    const version = executable === undefined ? {} : { executable, version: versionOf(document, executable.sha256) };
    return c.json({ document, etag, ...version }, status);
  }

  /** Whether there is a definition by this name, be it valid or not. */
  async function exists(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await definitions.load(name, signal);
      return true;
    } catch (error) {
      if (error instanceof ErrandError && error.code === 'taskNotFound') return false;
      if (error instanceof ErrandError && error.code === 'invalidDefinition') return true;
      throw error;
    }
  }

  /** The condition of a write, as the core takes it: `*` asks only that there is one. */
  async function condition(
    c: Context<AppEnv>,
    name: string,
    signal: AbortSignal,
  ): Promise<{ ifMatch: string | undefined }> {
    if (c.req.header('if-none-match') !== undefined) {
      throw invalidRequest([
        {
          path: '/headers/If-None-Match',
          code: 'notAllowed',
          message: 'If-None-Match is not taken here: send If-Match with the ETag that you have read',
        },
      ]);
    }
    const ifMatch = c.req.header('if-match')?.trim();
    if (ifMatch !== '*') return { ifMatch: ifMatch?.replace(/^(?:W\/)?"(.*)"$/, '$1') };
    if (await exists(name, signal)) return { ifMatch: undefined };
    throw new ErrandError(
      'preconditionFailed',
      `there is no task ${JSON.stringify(name.slice(0, 80))} yet, though If-Match asks for one: leave If-Match out to create it`,
    );
  }

  async function plan(c: Context<AppEnv>): Promise<Plan> {
    const taskName = visibleTask(c);
    const body = (await readJson(c.req.raw, options)) ?? { value: {}, problems: [] };
    const parsed = planRequestSchema.safeParse(body.value, { reportInput: true });
    if (parsed.success && body.problems.length === 0) return orchestrator.plan({ taskName, ...parsed.data });
    throw invalidRequest([
      ...body.problems,
      ...(parsed.success ? [] : problemsOf(parsed.error)),
      ...(await furtherProblems(taskName, body.value, definitions)),
    ]);
  }

  return {
    listTasks: async (c) => {
      const tasks = await definitions.list(c.req.raw.signal);
      return c.json({ tasks: tasks.filter(({ taskName }) => maySee(c.get('principal'), taskName)) });
    },

    getTask: async (c) => answer(c, await definitions.load(visibleTask(c), c.req.raw.signal), 200),

    putTask: async (c) => {
      const name = visibleTask(c);
      const { signal } = c.req.raw;
      const { document, executable } = await readPush(c.req.raw, options);
      const existed = await exists(name, signal);
      const stored = await definitions.store(name, document, executable, await condition(c, name, signal), signal);
      return answer(c, stored, existed ? 200 : 201);
    },

    deleteTask: async (c) => {
      const name = visibleTask(c);
      const { signal } = c.req.raw;
      await definitions.remove(name, await condition(c, name, signal), signal);
      return c.body(null, 204);
    },

    getTaskSchema: async (c) => {
      const { definition, etag } = await definitions.load(visibleTask(c), c.req.raw.signal);
      return new Response(JSON.stringify(parameterSchema(definition)), {
        headers: { 'Content-Type': 'application/schema+json', ETag: `"${etag}"` },
      });
    },

    checkTask: async (c) => {
      try {
        return c.json({ problems: [], plan: await plan(c) } satisfies Check);
      } catch (error) {
        if (!(error instanceof ErrandError) || error.code !== 'invalidRequest' || error.problems === undefined)
          throw error;
        return c.json({ problems: [...error.problems] } satisfies Check);
      }
    },

    planTask: async (c) => c.json(await plan(c)),
  };
}
