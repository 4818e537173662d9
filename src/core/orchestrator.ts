import { ErrandError } from '../contract/errors.ts';
import type { Overview, RunChange } from '../contract/overview.ts';
import type { Plan, RunView } from '../contract/run.ts';
import type { RerunRequest, ResolveRequest, RunRequest } from '../contract/run-request.ts';
import { taskDefinitionSchema } from '../contract/task-definition.ts';
import { accept, plan, type Accepted, type Asker } from './accept.ts';
import { amend } from './amend.ts';
import { changeFeed } from './change-feed.ts';
import { fromInstant, instant } from './clock.ts';
import type { Context } from './context.ts';
import { definitions, type Definitions } from './definitions.ts';
import { looker, type Looker, type LookerOptions } from './looker.ts';
import { overview, type OverviewQuery } from './overview.ts';
import type { RunFilter } from './ports/storage.ts';
import type { WakeUp } from './ports/work-queue.ts';
import type { Earlier } from './resolve-request.ts';
import { schedules, type Schedules } from './schedules.ts';
import { observeHeadRoom } from './head-room.ts';
import { runMetrics } from './run-metrics.ts';
import type { EndedRun, RunRecord } from './run-record.ts';
import { runTelemetry } from './run-telemetry.ts';
import { slotHolder } from './slot-holder.ts';
import { sweep, type SweepReport } from './sweep.ts';
import { transition } from './transition.ts';
import { isEnded, toView } from './view.ts';
import { redelivered, type Delivery } from './webhooks.ts';

export interface Readiness {
  /** About how many messages were put aside since nobody could work on them; undefined where the queue puts none aside. */
  poisonMessages?: number;
}

/** Accepts requests, and reconciles runs. What every door (HTTP, Functions) stands on. */
export interface Orchestrator {
  definitions: Definitions;
  schedules: Schedules;
  accept(request: RunRequest, asker: Asker): Promise<Accepted>;
  plan(request: RunRequest): Promise<Plan>;
  /** The same task again, as it is now or as it was: values of the earlier run, replaced by those given. Secrets are not kept, so they must be given. */
  rerun(runId: string, request: RerunRequest, asker: Asker): Promise<Accepted>;
  /** Asks a run to end. A run that has ended stays as it is. */
  cancel(runId: string, by: string): Promise<RunRecord>;
  /** Sends a webhook that was given up once more, with all its attempts, under the same id. Throws `webhookNotFound`, `webhookNotDead`. */
  redeliver(runId: string, number: number): Promise<RunRecord>;
  /** Writes down what really came of a lost run. Its state stays lost. */
  resolve(runId: string, request: ResolveRequest, by: string): Promise<RunRecord>;
  /** Throws `runNotFound`. */
  get(runId: string): Promise<RunRecord>;
  list(
    filter: RunFilter,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<{ runs: RunRecord[]; cursor?: string }>;
  /** With the place in the queue, where the run waits for a slot. */
  view(run: RunRecord): Promise<RunView>;
  /** Resolves when the run has ended, or after `ms`, with the run as it then is. */
  waitForEnd(runId: string, ms: number, signal: AbortSignal): Promise<RunRecord>;
  /** Calls back when the run may have changed in this process, until the returned function is called. Changes by other processes go unnoticed. */
  onChange(runId: string, callback: () => void): () => void;
  /** Calls back with changes of any run, also those that other processes make; see {@link changeFeed}. */
  listen(callback: (changes: readonly RunChange[]) => void): Promise<() => void>;
  /** How things stand, from the latest runs. */
  overview(query: OverviewQuery): Promise<Overview>;
  /** Calls back with each run whose end this process has recorded: once per run, among all processes. */
  onEnd(callback: (run: EndedRun) => void): void;
  /** Calls back with each webhook that this process has tried to deliver, as it is after that. */
  onDelivery(callback: (delivery: Delivery) => void): void;
  /** Looks after everything that is open or planned: takes wake-ups, watches the platform, sweeps. */
  start(): Promise<void>;
  sweep(): Promise<SweepReport>;
  /** Takes a wake-up that came from elsewhere than the consumer that `start` makes. Throws where the run could not be looked at: bring it again. */
  onWakeUp(wakeUp: WakeUp): Promise<void>;
  /** Something has happened to this run. Throws where it could not be looked at: say so again. */
  onEvent(runId: string): Promise<void>;
  /** Throws where storage, artifact store or platform cannot be used. Answers with what is worth a look nevertheless. */
  ready(): Promise<Readiness>;
  /** Finishes the steps under way, and leaves running tasks alone. */
  close(): Promise<void>;
}

/** Between two looks at a run that another process may be looking after, while somebody waits for its end. */
const waitLookMs = 1_000;

const openPage = 1_000;

export function orchestrator(context: Context, options: LookerOptions = {}): Orchestrator {
  const figures = runMetrics();
  const { storage, artifacts, queue, driver, clock, logger, policy } = context;
  const tasks = definitions(artifacts, driver, clock);
  const telemetry = runTelemetry(figures);
  const looks: Looker = looker(context, { ...options, telemetry });
  looks.onEnd(telemetry.ended);
  looks.onDelivery(figures.delivered);
  const stopObserving = observeHeadRoom(context);
  const feed = changeFeed(context, looks.onAnyChange);
  const closing = new AbortController();
  const loops: Promise<void>[] = [];

  function acceptTraced(request: RunRequest, asker: Asker): Promise<Accepted> {
    return telemetry.accepting(asker, undefined, (traced) => accept(context, tasks, request, traced));
  }

  const planned = schedules(context, tasks, {
    accept: acceptTraced,
    look: looks.look,
  });
  planned.onFiring(figures.fired);
  const swept = { run: looks.wake, schedule: planned.look };

  async function onWakeUp(wakeUp: WakeUp): Promise<void> {
    if (!(await planned.onWakeUp(wakeUp))) await looks.onWakeUp(wakeUp);
  }

  async function get(runId: string): Promise<RunRecord> {
    const run = await storage.getRun(runId);
    if (run === undefined)
      throw new ErrandError(
        'runNotFound',
        `there is no run ${JSON.stringify(runId.slice(0, 80))}: "errand runs" lists the latest; records are deleted after their retention`,
      );
    return run;
  }

  async function changed(runId: string, change: (run: RunRecord) => RunRecord | undefined): Promise<RunRecord> {
    return (await amend(storage, runId, context.newId, change)) ?? get(runId);
  }

  async function watchPlatform(): Promise<void> {
    for await (const { runId } of driver.watch({ instanceId: context.instanceId, signal: closing.signal }))
      await looks.look(runId);
  }

  async function sweepAgainAndAgain(): Promise<void> {
    for (;;) {
      await sweep(context, swept, closing.signal);
      await clock.sleep(policy.sweepEveryMs, { signal: closing.signal });
    }
  }

  /** Wake-ups may have died with the process that held them: every open run gets its own again, and one look at once. That look relies on what the record promises. */
  async function lookAtOpenRuns(): Promise<void> {
    for (const { id } of await storage.openRuns({ limit: openPage })) {
      const run = await storage.getRun(id);
      const due = run === undefined ? 0 : fromInstant(run.wakeAt);
      if (run !== undefined && due > clock.now()) await queue.schedule({ runId: id, wakeId: run.wakeId }, due);
      await looks.look(id);
    }
  }

  function loop(name: string, work: () => Promise<void>): void {
    loops.push(
      work().catch((error: unknown) => {
        if (!closing.signal.aborted) logger.error({ err: error }, `${name} has stopped; wake-ups go on`);
      }),
    );
  }

  return {
    definitions: tasks,
    schedules: planned,
    accept: async (request, asker) => {
      const accepted = await acceptTraced(request, asker);
      await looks.look(accepted.run.id);
      return accepted;
    },
    plan: (request) => plan(context, tasks, request),
    rerun: async (runId, request, asker) => {
      const earlier = await get(runId);
      const given = new Set(request.parameters.map(({ name }) => name));
      const kept = earlier.parameters.flatMap(({ name, value }) =>
        value === undefined || given.has(name) ? [] : [{ name, value }],
      );
      const parameters = [...kept, ...request.parameters];
      const again: RunRequest = {
        taskName: earlier.taskName,
        parameters,
        labels: request.labels ?? earlier.labels,
        timeouts: {},
        ...(request.webhook === undefined ? {} : { webhook: request.webhook }),
        ...(request.callbackUri === undefined ? {} : { callbackUri: request.callbackUri }),
      };
      const accepted = await telemetry.accepting(asker, earlier.traceContext, (traced) =>
        accept(context, tasks, again, traced, {
          id: earlier.id,
          ...(request.version === 'same' ? { version: asItWas(earlier) } : {}),
        }),
      );
      await looks.look(accepted.run.id);
      return accepted;
    },
    cancel: async (runId, by) => {
      let endedHere = false;
      const run = await changed(runId, (current) => {
        const next = transition(current, { type: 'cancelRequested', by, at: clock.now() }, policy);
        endedHere = next !== undefined && isEnded(next);
        return next;
      });
      if (endedHere && isEnded(run)) looks.ended(run);
      // Stopping a container may take longer than an answer may.
      await looks.wake(runId);
      return run;
    },
    redeliver: async (runId, number) => {
      const run = await changed(runId, (current) => redelivered(current, number, clock.now()));
      await looks.wake(runId);
      return run;
    },
    resolve: async (runId, { outcome, note }, by) => {
      const resolved = await changed(runId, (run) => {
        if (run.state !== 'lost')
          throw new ErrandError(
            'runNotLost',
            `run ${runId} is ${run.state}: only a lost run, of which nobody knows what came, can be resolved by hand`,
            { runId },
          );
        return { ...run, resolution: { outcome, note, by, at: instant(clock.now()) } };
      });
      // There is nothing to do, but whoever listens is told.
      await looks.look(runId);
      return resolved;
    },
    get,
    list: (filter, page) => storage.listRuns(filter, page),
    view: async (run) => {
      const slot = run.state === 'queued' ? run.waiting?.slot : undefined;
      if (slot === undefined) return toView(run);
      const waiters = (await storage.slotQueue(slot)).filter(({ held }) => !held);
      const position = waiters.findIndex(({ holder }) => holder === slotHolder(run));
      return toView(run, position === -1 ? undefined : position);
    },
    waitForEnd: async (runId, ms, signal) => {
      const until = clock.monotonic() + ms;
      for (;;) {
        const run = await get(runId);
        const left = until - clock.monotonic();
        if (isEnded(run) || left <= 0 || signal.aborted) return run;
        await changeOrTime(looks, clock.after, runId, Math.min(left, waitLookMs), signal);
      }
    },
    onChange: (runId, callback) => looks.onChange(runId, callback),
    listen: feed.listen,
    overview: (query) => overview(context, tasks, query),
    onEnd: (callback) => looks.onEnd(callback),
    onDelivery: (callback) => looks.onDelivery(callback),
    start: async () => {
      queue.consume(onWakeUp);
      loop('the watch of the platform', watchPlatform);
      await lookAtOpenRuns();
      await planned.wakeAll();
      loop('the sweep', sweepAgainAndAgain);
    },
    sweep: () => sweep(context, swept),
    onWakeUp,
    onEvent: async (runId) => {
      await looks.reconcile(runId);
    },
    ready: async () => {
      await Promise.all([storage.check(), artifacts.check(), driver.check()]);
      return {};
    },
    close: async () => {
      closing.abort();
      stopObserving();
      await queue.close();
      await looks.close();
      await Promise.all(loops);
    },
  };
}

/** Time limits that were shortened for the earlier run alone stay with it: they are a part of its definition. */
function asItWas({ definition, executable, taskVersion }: RunRecord): NonNullable<Earlier['version']> {
  // A record of an earlier Errand may lack fields that came later.
  return {
    definition: taskDefinitionSchema.parse(definition),
    executable,
    ...(taskVersion === undefined ? {} : { taskVersion }),
  };
}

/** Resolves when the run changed in this process, when the time is over, or with the signal. */
function changeOrTime(
  looks: Looker,
  after: Context['clock']['after'],
  runId: string,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stopTimer();
      stopListening();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stopTimer = after(ms, done);
    const stopListening = looks.onChange(runId, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
