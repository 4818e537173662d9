import type { Context } from './context.ts';
import type { WakeUp } from './ports/work-queue.ts';
import { reconciler, type Outcome } from './reconcile.ts';
import { currentAttempt, type RunRecord } from './run-record.ts';

/** Looks at runs when there is a reason to, and keeps count of what is under way in this process. */
export interface Looker {
  /** Reconciles a run in the background. Whatever fails is logged, and looked at again. */
  look(runId: string): void;
  /** Reconciles a run now. For callers that wait for the outcome. */
  reconcile(runId: string): Promise<Outcome>;
  /** The handler of the work queue: drops wake-ups of another chain. Throws where the run could not be looked at, so that the queue brings it again. */
  onWakeUp(wakeUp: WakeUp): Promise<void>;
  /** Calls back when a run changes state or ends, in this process. */
  onChange(runId: string, callback: () => void): () => void;
  /** Takes no new work and waits for the steps under way. Containers that run are left alone. */
  close(): Promise<void>;
}

const retryLookMs = 5_000;

export function looker(context: Context): Looker {
  const { artifacts, clock, logger, storage } = context;
  const underWay = new Set<Promise<void>>();
  const looking = new Map<string, { again: boolean }>();
  const watches = new Map<string, { attempt: number; stop: AbortController }>();
  const listeners = new Map<string, Set<() => void>>();
  let closed = false;

  const { reconcile } = reconciler(context, {
    create: (run, work) => {
      track(work().then(() => look(run.id)));
      return Promise.resolve();
    },
    wake: (runId) => look(runId),
  });

  function track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => logger.error({ err: error }, 'work in the background failed'))
      .finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  }

  /** One look at a time per run: what comes meanwhile is one more look after it. */
  function look(runId: string): void {
    if (closed) return;
    const current = looking.get(runId);
    if (current !== undefined) {
      current.again = true;
      return;
    }
    const mine = { again: false };
    looking.set(runId, mine);
    track(
      lookNow(runId).finally(() => {
        looking.delete(runId);
        if (mine.again) look(runId);
      }),
    );
  }

  async function lookNow(runId: string): Promise<void> {
    try {
      after(runId, await reconcile(runId));
    } catch (error) {
      logger.error({ runId, err: error }, 'could not look at a run; it is looked at again');
      if (!closed) clock.after(retryLookMs, () => look(runId));
    }
  }

  function after(runId: string, outcome: Outcome): void {
    watch(runId, outcome.done ? undefined : outcome.run);
    for (const callback of listeners.get(runId) ?? []) callback();
  }

  /** Follows the exchange of a run under way, so that its fence and result are seen when they are written. */
  function watch(runId: string, run: RunRecord | undefined): void {
    const attempt = run?.state === 'starting' || run?.state === 'running' ? currentAttempt(run).number : undefined;
    const current = watches.get(runId);
    if (current?.attempt === attempt) return;
    current?.stop.abort();
    watches.delete(runId);
    if (attempt === undefined || closed) return;
    const stop = new AbortController();
    watches.set(runId, { attempt, stop });
    track(follow(runId, attempt, stop.signal));
  }

  async function follow(runId: string, attempt: number, signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of artifacts.exchange({ runId, attempt }).watch('state', { signal })) look(runId);
    } catch (error) {
      if (!signal.aborted)
        logger.warn({ runId, err: error }, 'the exchange of a run cannot be watched; wake-ups go on');
    }
  }

  return {
    look,
    reconcile: async (runId) => {
      const outcome = await reconcile(runId);
      after(runId, outcome);
      return outcome;
    },
    onWakeUp: async ({ runId, wakeId }) => {
      const run = await storage.getRun(runId);
      if (run === undefined || !run.open || run.wakeId !== wakeId) return;
      after(runId, await reconcile(runId));
    },
    onChange: (runId, callback) => {
      const set = listeners.get(runId) ?? new Set();
      listeners.set(runId, set.add(callback));
      return () => {
        set.delete(callback);
        if (set.size === 0) listeners.delete(runId);
      };
    },
    close: async () => {
      closed = true;
      for (const { stop } of watches.values()) stop.abort();
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
