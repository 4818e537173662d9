import type { Overview } from '../contract/overview.ts';
import type { PrincipalView } from '../contract/principal.ts';
import { routes } from '../contract/routes.ts';
import type { Check, Plan, RunPage, RunState, RunView, TaskSummary, TaskVersion } from '../contract/run.ts';
import type { rerunRequestSchema, RunRequestBody } from '../contract/run-request.ts';
import type { ScheduleBody, SchedulePage, ScheduleView } from '../contract/schedule.ts';
import type { TaskDefinitionDocument } from '../contract/task-definition.ts';
import { follow, followChanges, type ChangeEvent, type FollowOptions, type RunEvent } from './follow.ts';
import { backoffMs, isTransient, transport, type ClientOptions } from './transport.ts';
import { sleep } from './timer.ts';

export { ErrandApiError, ErrandConnectionError } from './errors.ts';
export type { ChangeEvent, FollowOptions, RunEvent } from './follow.ts';
export type { ClientOptions } from './transport.ts';

export interface Signaled {
  signal?: AbortSignal | undefined;
}

export interface Keyed extends Signaled {
  /** Under one key a request is one run, however often it is sent. Without it every call has its own. */
  idempotencyKey?: string | undefined;
}

export interface RunQuery {
  task?: string | undefined;
  states?: readonly RunState[] | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  /** An instant (RFC 3339). */
  since?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface ScheduleQuery {
  task?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface Task {
  /** As its author wrote it. */
  document: TaskDefinitionDocument;
  etag: string;
  /** Undefined where the file is missing. */
  executable?: RunView['executable'];
  /** The task by its content. Undefined where the executable is missing. */
  version?: string;
}

export type RerunBody = (typeof rerunRequestSchema)['_input'];

/** All methods throw `ErrandApiError` where the server says no, and `ErrandConnectionError` where none answers. */
export interface Client {
  /** Starts a run. Sent again where the answer was lost: it is still one run. */
  run(request: RunRequestBody, options?: Keyed): Promise<RunView>;
  get(id: string, options?: Signaled): Promise<RunView>;
  /** Resolves with the run when it has ended. */
  wait(id: string, options?: Signaled): Promise<RunView>;
  list(query?: RunQuery, options?: Signaled): Promise<RunPage>;
  /** The log as it grows, to its end. */
  logs(id: string, options?: FollowOptions): AsyncGenerator<{ attempt: number; text: string }, void, undefined>;
  /** The log, changes of state and the end. */
  events(id: string, options?: FollowOptions): AsyncGenerator<RunEvent, void, undefined>;
  /** The log as it is now, of the last attempt unless said otherwise. `range`: only these bytes, in the form of the Range header (RFC 9110). */
  log(id: string, options?: Signaled & { attempt?: number | undefined; range?: string | undefined }): Promise<Response>;
  /** Changes of all runs, until the signal is aborted. */
  changes(options?: Signaled): AsyncGenerator<ChangeEvent, void, undefined>;
  /** How things stand, from the latest runs of so many hours (24 unless given). */
  overview(query?: { hours?: number | undefined }, options?: Signaled): Promise<Overview>;
  cancel(id: string, options?: Signaled): Promise<RunView>;
  /** The same task, of now or of then, with the same values but for those given. Secrets have to be given again. */
  rerun(id: string, request?: RerunBody, options?: Keyed): Promise<RunView>;
  /** Writes down what really came of a lost run. */
  resolve(id: string, request: { outcome: 'succeeded' | 'failed'; note: string }, options?: Signaled): Promise<RunView>;
  /** Sends a webhook that was given up once more. */
  redeliver(id: string, number: number, options?: Signaled): Promise<RunView>;
  /** Checks a request and starts nothing. */
  plan(request: RunRequestBody, options?: Signaled): Promise<Plan>;
  /** As `plan`, for a request that is still being written: what is wrong with it is part of the answer. */
  check(request: RunRequestBody, options?: Signaled): Promise<Check>;
  tasks(options?: Signaled): Promise<TaskSummary[]>;
  task(name: string, options?: Signaled): Promise<Task>;
  /** What was pushed, the latest first. */
  versions(name: string, options?: Signaled): Promise<TaskVersion[]>;
  version(
    name: string,
    version: string,
    options?: Signaled,
  ): Promise<TaskVersion & { document: TaskDefinitionDocument }>;
  /** The executable of a task, of now or of a version. */
  executable(name: string, options?: Signaled & { version?: string | undefined }): Promise<Response>;
  /** JSON Schema (2020-12) of a task's parameters. */
  schema(name: string, options?: Signaled): Promise<Record<string, unknown>>;
  /** Stores a task. Without an executable the one that is there stays. `ifMatch`: the ETag that it must still have. */
  push(
    name: string,
    document: unknown,
    options?: Signaled & { executable?: Blob | undefined; ifMatch?: string | undefined },
  ): Promise<Task>;
  removeTask(name: string, options?: Signaled & { ifMatch?: string | undefined }): Promise<void>;
  /** By name. */
  schedules(query?: ScheduleQuery, options?: Signaled): Promise<SchedulePage>;
  schedule(name: string, options?: Signaled): Promise<ScheduleView>;
  /** Makes or replaces a schedule. `isNew`: only where there is none of this name. `ifMatch`: the ETag that it must still have. */
  putSchedule(
    name: string,
    document: ScheduleBody,
    options?: Signaled & { isNew?: boolean | undefined; ifMatch?: string | undefined },
  ): Promise<ScheduleView>;
  removeSchedule(name: string, options?: Signaled & { ifMatch?: string | undefined }): Promise<void>;
  pauseSchedule(name: string, options?: Signaled): Promise<ScheduleView>;
  /** What was planned meanwhile is not made up for. */
  resumeSchedule(name: string, options?: Signaled): Promise<ScheduleView>;
  /** A file that a run left. */
  output(id: string, file: string, options?: Signaled): Promise<Response>;
  /** Who asks, by the key, and what they may do. */
  whoami(options?: Signaled): Promise<PrincipalView>;
}

const waitSeconds = 30;

/** Failures in a row before a wait gives up: about 35 seconds. */
const maxFailures = 10;

export function createClient(options: ClientOptions): Client {
  const { send, json } = transport(options);

  /** The run once it has ended. A server that restarts meanwhile is waited for. */
  async function wait(id: string, { signal }: Signaled = {}): Promise<RunView> {
    let failures = 0;
    for (;;) {
      try {
        const run = await json<RunView>(path('getRun', { id }), { query: [['wait', String(waitSeconds)]], signal });
        if (run.endedAt !== undefined) return run;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!isTransient(error) || failures > maxFailures) throw error;
        await sleep(backoffMs(failures), signal);
      }
    }
  }

  const events = (id: string, given: FollowOptions = {}) =>
    follow({ send, json }, path('getLogs', { id }), options.url, given);

  const post = (body: unknown) => ({ method: 'POST', body: JSON.stringify(body) }) as const;

  const keyed = ({ idempotencyKey = crypto.randomUUID(), signal }: Keyed) => ({
    headers: { 'Idempotency-Key': idempotencyKey },
    repeatable: true,
    signal,
  });

  return {
    run: (request, given = {}) => json(path('createRun'), { ...post(request), ...keyed(given) }),
    get: (id, { signal } = {}) => json(path('getRun', { id }), { signal }),
    wait,
    list: (asked = {}, { signal } = {}) => json(path('listRuns'), { query: listQuery(asked), signal }),
    async *logs(id, given) {
      for await (const event of events(id, given))
        if (event.event === 'log') yield { attempt: event.attempt, text: event.text };
    },
    events,
    log: (id, { attempt, range, signal } = {}) =>
      send(path('getLogs', { id }), {
        query: attempt === undefined ? [] : [['attempt', String(attempt)]],
        headers: range === undefined ? {} : { Range: range },
        signal,
      }),
    changes: ({ signal } = {}) => followChanges({ send, json }, path('changes'), options.url, signal),
    overview: ({ hours } = {}, { signal } = {}) =>
      json(path('overview'), { query: hours === undefined ? [] : [['hours', String(hours)]], signal }),
    cancel: (id, { signal } = {}) => json(path('cancelRun', { id }), { method: 'POST', repeatable: true, signal }),
    rerun: (id, request = {}, given = {}) => json(path('rerunRun', { id }), { ...post(request), ...keyed(given) }),
    resolve: (id, request, { signal } = {}) =>
      json(path('resolveRun', { id }), { ...post(request), repeatable: true, signal }),
    redeliver: (id, number, { signal } = {}) =>
      json(path('redeliverWebhook', { id, number: String(number) }), { method: 'POST', repeatable: true, signal }),
    plan: ({ taskName, ...rest }, { signal } = {}) =>
      json(path('planTask', { name: taskName }), { ...post(rest), repeatable: true, signal }),
    check: ({ taskName, ...rest }, { signal } = {}) =>
      json(path('checkTask', { name: taskName }), { ...post(rest), repeatable: true, signal }),
    tasks: async ({ signal } = {}) => (await json<{ tasks: TaskSummary[] }>(path('listTasks'), { signal })).tasks,
    task: (name, { signal } = {}) => json(path('getTask', { name }), { signal }),
    versions: async (name, { signal } = {}) =>
      (await json<{ versions: TaskVersion[] }>(path('listTaskVersions', { name }), { signal })).versions,
    version: (name, version, { signal } = {}) => json(path('getTaskVersion', { name, version }), { signal }),
    executable: (name, { version, signal } = {}) =>
      send(path('getTaskExecutable', { name }), {
        query: version === undefined ? [] : [['version', version]],
        signal,
      }),
    schema: (name, { signal } = {}) => json(path('getTaskSchema', { name }), { signal }),
    push: (name, document, { executable, ifMatch, signal } = {}) =>
      json(path('putTask', { name }), {
        method: 'PUT',
        body: pushBody(document, executable),
        headers: condition(ifMatch),
        repeatable: ifMatch === undefined,
        signal,
      }),
    removeTask: async (name, { ifMatch, signal } = {}) => {
      await send(path('deleteTask', { name }), { method: 'DELETE', headers: condition(ifMatch), signal });
    },
    schedules: ({ task, limit, cursor } = {}, { signal } = {}) =>
      json(path('listSchedules'), { query: queryOf({ task, limit, cursor }), signal }),
    schedule: (name, { signal } = {}) => json(path('getSchedule', { name }), { signal }),
    putSchedule: (name, document, { isNew = false, ifMatch, signal } = {}) =>
      json(path('putSchedule', { name }), {
        method: 'PUT',
        body: JSON.stringify(document),
        headers: { ...condition(ifMatch), ...(isNew ? { 'If-None-Match': '*' } : {}) },
        repeatable: ifMatch === undefined && !isNew,
        signal,
      }),
    removeSchedule: async (name, { ifMatch, signal } = {}) => {
      await send(path('deleteSchedule', { name }), { method: 'DELETE', headers: condition(ifMatch), signal });
    },
    pauseSchedule: (name, { signal } = {}) =>
      json(path('pauseSchedule', { name }), { method: 'POST', repeatable: true, signal }),
    resumeSchedule: (name, { signal } = {}) =>
      json(path('resumeSchedule', { name }), { method: 'POST', repeatable: true, signal }),
    output: (id, file, { signal } = {}) => send(path('getOutput', { id, file }), { signal }),
    whoami: ({ signal } = {}) => json(path('whoami'), { signal }),
  };
}

/** The address of a route with its parts filled in. */
function path(route: keyof typeof routes, parts: Readonly<Record<string, string>> = {}): string {
  return routes[route].path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parts[name] ?? ''));
}

function listQuery({ task, states = [], labels = {}, since, limit, cursor }: RunQuery): [string, string][] {
  return [
    ...queryOf({ task, since, limit, cursor }),
    ...states.map((state): [string, string] => ['state', state]),
    ...Object.entries(labels).map(([name, value]): [string, string] => ['label', `${name}=${value}`]),
  ];
}

function queryOf(query: Readonly<Record<string, string | number | undefined>>): [string, string][] {
  return Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
}

function pushBody(document: unknown, executable: Blob | undefined): string | FormData {
  if (executable === undefined) return JSON.stringify(document);
  const form = new FormData();
  form.set('definition', new Blob([JSON.stringify(document)], { type: 'application/json' }), 'definition.json');
  form.set('executable', executable, 'executable');
  return form;
}

function condition(ifMatch: string | undefined): Record<string, string> {
  return ifMatch === undefined ? {} : { 'If-Match': `"${ifMatch}"` };
}
