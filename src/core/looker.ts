import type { Context } from './context.ts';
import type { WakeUp } from './ports/work-queue.ts';
import { reconciler, type Outcome } from './reconcile.ts';
import type { RunTelemetry } from './run-telemetry.ts';
import { currentAttempt, type EndedRun, type RunRecord } from './run-record.ts';
import type { Delivery } from './webhooks.ts';

export interface LookerOptions {
  /**
   * False where the host may stop the process once its calls have been answered: then a look takes its creates with it, whoever else has to be looked
   * at gets a wake-up of his own, and no exchange is watched. True unless given.
   */
  background?: boolean;
  /** Is told how runs move. */
  telemetry?: Pick<RunTelemetry, 'moved'>;
}

/** Looks at runs when there is a reason to, and keeps count of what is under way in this process. */
export interface Looker {
  /** Reconciles a run, in the background where there is one: then it resolves at once. Whatever fails is logged, and looked at again. */
  look(runId: string): Promise<void>;
  /** Sees to it that somebody looks at a run soon: this process in the background, or whoever takes the wake-up. Throws where none could be scheduled. */
  wake(runId: string): Promise<void>;
  /** Reconciles a run now. For callers that wait for the outcome. */
  reconcile(runId: string): Promise<Outcome>;
  /** The handler of the work queue: drops wake-ups of another chain. Throws where the run could not be looked at, so that the queue brings it again. */
  onWakeUp(wakeUp: WakeUp): Promise<void>;
  /** Calls back when a run changes state or ends, in this process. */
  onChange(runId: string, callback: () => void): () => void;
  /** Calls back with each run of which something may have changed in this process. */
  onAnyChange(callback: (runId: string) => void): () => void;
  /** Calls back when this process has recorded the end of a run. */
  onEnd(callback: (run: EndedRun) => void): void;
  /** Calls back with each webhook that this process has tried to deliver, as it is after that. */
  onDelivery(callback: (delivery: Delivery) => void): void;
  /** Tells of an end that was recorded outside of a look. */
  ended(run: EndedRun): void;
  /** Takes no new work and waits for the steps under way. Containers that run are left alone. */
  close(): Promise<void>;
}

const retryLookMs = 5_000;

/** How long creates and deliveries under way may go on once the orchestrator closes. What comes of one that is cut off, the next look finds out. */
const closingMs = 5_000;

/** The `wakeId` of a wake-up that belongs to no chain and is valid whatever the record says. */
const anyChain = 'any';

export function looker(context: Context, { background = true, telemetry }: LookerOptions = {}): Looker {
  const { artifacts, clock, logger, queue, storage } = context;
  const underWay = new Set<Promise<void>>();
  const looking = new Map<string, { again: boolean }>();
  /** Until the end of whoever works on a run. */
  const turns = new Map<string, Promise<void>>();
  /** Runs that are looked at again since a look has failed: each once, however many looks have. */
  const retrying = new Set<string>();
  const watches = new Map<string, { attempt: number; stop: AbortController }>();
  const listeners = new Map<string, Set<() => void>>();
  const deliveryListeners: ((delivery: Delivery) => void)[] = [];
  const anyListeners = new Set<(runId: string) => void>();
  const endListeners: ((run: EndedRun) => void)[] = [];
  /** Ends what could go on for as long as an image is large. */
  const giveUp = new AbortController();
  let closed = false;

  const { reconcile } = reconciler(context, {
    create: async (run, work) => {
      if (!background) return work();
      track(work(giveUp.signal).then(() => look(run.id)));
    },
    wake,
    ended,
    delivered: (delivery) => {
      for (const callback of deliveryListeners) callback(delivery);
    },
    closing: giveUp.signal,
    ...(telemetry === undefined ? {} : { moved: telemetry.moved }),
  });

  function ended(run: EndedRun): void {
    for (const callback of endListeners) callback(run);
  }

  async function wake(runId: string): Promise<void> {
    if (background) await look(runId);
    else await queue.schedule({ runId, wakeId: anyChain }, clock.now());
  }

  function track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => logger.error({ err: error }, 'work in the background failed'))
      .finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  }

  /** One at a time per run: two in one process would only do each other's steps once more. */
  async function inTurn<T>(runId: string, work: () => Promise<T>): Promise<T> {
    for (let turn = turns.get(runId); turn !== undefined; turn = turns.get(runId)) await turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turns.set(runId, promise);
    try {
      return await work();
    } finally {
      turns.delete(runId);
      resolve();
    }
  }

  async function reconcileInTurn(runId: string): Promise<Outcome> {
    const outcome = await inTurn(runId, () => reconcile(runId));
    after(runId, outcome);
    return outcome;
  }

  /** What comes during a look is one more look after it. */
  async function look(runId: string): Promise<void> {
    if (closed) return;
    const current = looking.get(runId);
    if (current !== undefined) {
      current.again = true;
      return;
    }
    const mine = { again: false };
    looking.set(runId, mine);
    const looked = lookOnce(runId, mine);
    track(looked);
    if (!background) await looked;
  }

  async function lookOnce(runId: string, mine: { again: boolean }): Promise<void> {
    try {
      await lookNow(runId);
    } finally {
      looking.delete(runId);
    }
    if (mine.again) await look(runId);
  }

  async function lookNow(runId: string): Promise<void> {
    try {
      await reconcileInTurn(runId);
    } catch (error) {
      logger.error({ runId, err: error }, 'could not look at a run; it is looked at again');
      // Without a background the wake-up that the record promises has to do.
      if (!closed && background) lookLater(runId);
    }
  }

  function lookLater(runId: string): void {
    if (retrying.has(runId)) return;
    retrying.add(runId);
    clock.after(retryLookMs, () => {
      retrying.delete(runId);
      track(look(runId));
    });
  }

  function after(runId: string, outcome: Outcome): void {
    watch(runId, outcome.done ? undefined : outcome.run);
    for (const callback of listeners.get(runId) ?? []) callback();
    for (const callback of anyListeners) callback(runId);
  }

  /** Follows the exchange of a run under way, so that its fence and result are seen when they are written. */
  function watch(runId: string, run: RunRecord | undefined): void {
    const attempt = run?.state === 'starting' || run?.state === 'running' ? currentAttempt(run).number : undefined;
    const current = watches.get(runId);
    if (current?.attempt === attempt) return;
    current?.stop.abort();
    watches.delete(runId);
    if (attempt === undefined || closed || !background) return;
    const stop = new AbortController();
    watches.set(runId, { attempt, stop });
    track(follow(runId, attempt, stop.signal));
  }

  async function follow(runId: string, attempt: number, signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of artifacts.exchange({ runId, attempt }).watch('state', { signal })) await look(runId);
    } catch (error) {
      if (!signal.aborted)
        logger.warn({ runId, err: error }, 'the exchange of a run cannot be watched; wake-ups go on');
    }
  }

  return {
    look,
    wake,
    reconcile: reconcileInTurn,
    onWakeUp: async ({ runId, wakeId }) => {
      // The look before it may have scheduled another wake-up in its place.
      const outcome = await inTurn(runId, async () => {
        const run = await storage.getRun(runId);
        const isValid = run !== undefined && run.open && (run.wakeId === wakeId || wakeId === anyChain);
        return isValid ? reconcile(runId) : undefined;
      });
      if (outcome !== undefined) after(runId, outcome);
    },
    onChange: (runId, callback) => {
      const set = listeners.get(runId) ?? new Set();
      listeners.set(runId, set.add(callback));
      return () => {
        set.delete(callback);
        if (set.size === 0) listeners.delete(runId);
      };
    },
    onAnyChange: (callback) => {
      anyListeners.add(callback);
      return () => anyListeners.delete(callback);
    },
    ended,
    onEnd: (callback) => {
      endListeners.push(callback);
    },
    onDelivery: (callback) => {
      deliveryListeners.push(callback);
    },
    close: async () => {
      closed = true;
      for (const { stop } of watches.values()) stop.abort();
      const stopTimer = clock.after(closingMs, () => giveUp.abort(new Error('the orchestrator is closing')));
      while (underWay.size > 0) await Promise.all(underWay);
      stopTimer();
    },
  };
}
