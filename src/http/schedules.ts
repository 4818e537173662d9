import type { Context } from 'hono';
import { ErrandError, type Problem } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { scheduleDocumentSchema, scheduleNamePattern, type ScheduleDocument } from '../contract/schedule.ts';
import { cronProblems } from '../core/cron.ts';
import { problemsOf } from '../core/problems.ts';
import type { ScheduleRecord } from '../core/schedule-record.ts';
import type { ScheduleConditions } from '../core/schedules.ts';
import type { AppEnv, AppOptions } from './app-options.ts';
import { maySee } from './auth.ts';
import { emptyBody, invalidRequest, readJson } from './body.ts';
import type { Handlers } from './handlers.ts';
import { query } from './query.ts';
import { furtherProblems } from './request-problems.ts';
import { pathPart } from './visible-run.ts';

type Names = 'listSchedules' | 'getSchedule' | 'putSchedule' | 'deleteSchedule' | 'pauseSchedule' | 'resumeSchedule';

const defaultPageSize = 50;

export function scheduleHandlers(options: AppOptions): Handlers<Names> {
  const { orchestrator, clock } = options;
  const { schedules } = orchestrator;

  function answer(c: Context<AppEnv>, schedule: ScheduleRecord, status: 200 | 201 = 200): Response {
    c.header('ETag', `"${schedule.revision}"`);
    return c.json(schedules.view(schedule), status);
  }

  async function readDocument(c: Context<AppEnv>, more: readonly Problem[]): Promise<ScheduleDocument> {
    const body = await readJson(c.req.raw, options);
    if (body === undefined) throw emptyBody();
    const parsed = scheduleDocumentSchema.safeParse(body.value, { reportInput: true });
    const problems = [...more, ...body.problems, ...(parsed.success ? [] : problemsOf(parsed.error))];
    if (parsed.success && problems.length === 0) return parsed.data;
    const { taskName, cron, timeZone } = (body.value ?? {}) as Partial<Record<keyof ScheduleDocument, unknown>>;
    const isVisible = typeof taskName === 'string' && maySee(c.get('principal'), taskName);
    throw invalidRequest([
      ...problems,
      ...(typeof cron === 'string' && cron.length <= 200
        ? cronProblems({ cron, timeZone: typeof timeZone === 'string' ? timeZone : 'UTC' }, clock.now())
        : []),
      ...(isVisible ? await furtherProblems(taskName, body.value, orchestrator.definitions) : []),
    ]);
  }

  async function found(name: string): Promise<ScheduleRecord | undefined> {
    try {
      return await schedules.get(name);
    } catch (error) {
      if (error instanceof ErrandError && error.code === 'scheduleNotFound') return undefined;
      throw error;
    }
  }

  /** The schedule of the address. One whose task the principal may not see is answered exactly as one that there is not. */
  async function visible(c: Context<AppEnv>): Promise<ScheduleRecord> {
    const name = pathPart(c, 'name');
    const schedule = scheduleNamePattern.test(name) ? await found(name) : undefined;
    if (schedule === undefined || !maySee(c.get('principal'), schedule.document.taskName)) throw noSuchSchedule(name);
    return schedule;
  }

  /** The name of the address, where it is free or its schedule may be seen and so be changed. */
  async function writableName(c: Context<AppEnv>): Promise<string> {
    const name = pathPart(c, 'name');
    if (!scheduleNamePattern.test(name))
      throw invalidRequest([
        {
          path: '/name',
          code: 'invalidName',
          message: 'the name of a schedule is of letters, digits, inner - and _, at most 63',
          allowed: scheduleNamePattern.source,
        },
      ]);
    const current = await found(name);
    if (current === undefined || maySee(c.get('principal'), current.document.taskName)) return name;
    throw new ErrandError('preconditionFailed', `the name ${name} is taken: give the schedule another one`);
  }

  return {
    listSchedules: async (c) => {
      const asked = query(c);
      const task = asked.one('task');
      const limit = asked.whole('limit', { minimum: 1, maximum: limits.pageSize }) ?? defaultPageSize;
      const after = asked.one('cursor');
      if (after !== undefined && !scheduleNamePattern.test(after))
        asked.problem('cursor', 'notAllowed', 'cursor is what an earlier page gave, unchanged');
      asked.done();
      const listed = await schedules.list({ after, limit });
      const shown = listed
        .filter(({ document }) => maySee(c.get('principal'), document.taskName))
        .filter(({ document }) => task === undefined || document.taskName === task);
      const cursor = listed.length < limit ? undefined : listed.at(-1)?.name;
      return c.json({ schedules: shown.map(schedules.view), ...(cursor === undefined ? {} : { cursor }) });
    },

    getSchedule: async (c) => answer(c, await visible(c)),

    putSchedule: async (c) => {
      const { conditions, problems } = conditionsOf(c);
      const name = await writableName(c);
      const document = await readDocument(c, problems);
      const principal = c.get('principal');
      if (!maySee(principal, document.taskName))
        throw new ErrandError(
          'taskNotFound',
          `there is no task ${JSON.stringify(document.taskName.slice(0, 80))}: "errand tasks" lists those that there are, "errand push" adds one`,
        );
      const { schedule, created } = await schedules.put(name, document, principal.name, conditions);
      return answer(c, schedule, created ? 201 : 200);
    },

    deleteSchedule: async (c) => {
      const { conditions, problems } = conditionsOf(c);
      if (problems.length > 0) throw invalidRequest(problems);
      const { name } = await visible(c);
      await schedules.remove(name, conditions);
      return c.body(null, 204);
    },

    pauseSchedule: async (c) => {
      const { name } = await visible(c);
      return answer(c, await schedules.pause(name, c.get('principal').name));
    },

    resumeSchedule: async (c) => {
      const { name } = await visible(c);
      return answer(c, await schedules.resume(name, c.get('principal').name));
    },
  };
}

/** `If-Match` names the ETag that it must still have, or `*` that there must be one; `If-None-Match: *` that there must be none. */
function conditionsOf(c: Context<AppEnv>): { conditions: ScheduleConditions; problems: Problem[] } {
  const ifMatch = c.req
    .header('if-match')
    ?.trim()
    .replace(/^(?:W\/)?"(.*)"$/, '$1');
  const ifNoneMatch = c.req.header('if-none-match')?.trim();
  const problems: Problem[] =
    ifNoneMatch === undefined || ifNoneMatch === '*'
      ? []
      : [
          {
            path: '/headers/If-None-Match',
            code: 'notAllowed',
            message: 'If-None-Match takes * alone: only where there is no schedule of this name yet',
            allowed: '*',
          },
        ];
  return { conditions: { ifMatch, isNew: ifNoneMatch === '*' }, problems };
}

function noSuchSchedule(name: string): ErrandError {
  return new ErrandError(
    'scheduleNotFound',
    `there is no schedule ${JSON.stringify(name.slice(0, 80))}: "errand schedule list" lists those that there are`,
  );
}
