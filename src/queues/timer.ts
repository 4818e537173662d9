import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { WakeUp, WorkQueue } from '../core/ports/work-queue.ts';
import { wakeUpHeap, type PendingWakeUp } from './wake-up-heap.ts';

export interface TimerQueueOptions {
  clock: Clock;
  logger: Logger;
  /** Handlers at once. */
  concurrency?: number;
  /** How long `close` lets handlers finish before it aborts their signal, in milliseconds. */
  patienceMs?: number;
}

const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

/** The longest sleep of the one timer: a wall clock that was set forward, or a machine that slept, is noticed within it. */
const longestSleepMs = 60_000;

type Handler = Parameters<WorkQueue['consume']>[0];

/**
 * Wake-ups in the memory of this process: one heap, one timer. They end with the process, and are rebuilt by its caller from
 * `Storage.openRuns` at start.
 */
export function timerQueue({ clock, logger, concurrency = 32, patienceMs = 10_000 }: TimerQueueOptions): WorkQueue {
  const waiting = wakeUpHeap();
  const active = new Set<Promise<void>>();
  const patience = new AbortController();
  let handler: Handler | undefined;
  let cancelTimer = (): void => {};
  let closed = false;

  function turn(): void {
    cancelTimer();
    if (closed || handler === undefined) return;
    const now = clock.now();
    for (let next = waiting.peek(); next !== undefined && active.size < concurrency; next = waiting.peek()) {
      if (next.at > now) {
        cancelTimer = clock.after(Math.min(next.at - now, longestSleepMs), turn);
        return;
      }
      waiting.pop();
      start(handler, next);
    }
  }

  function start(handle: Handler, pending: PendingWakeUp): void {
    const work = deliver(handle, pending).finally(() => {
      active.delete(work);
      turn();
    });
    active.add(work);
  }

  async function deliver(handle: Handler, { wakeUp, failures }: PendingWakeUp): Promise<void> {
    try {
      await handle(wakeUp, { signal: patience.signal });
    } catch (error) {
      const delay = Math.min(firstRetryMs * 2 ** failures, longestRetryMs);
      logger.warn(
        { err: error, runId: wakeUp.runId, failures: failures + 1, delay },
        'a wake-up failed and will be tried again',
      );
      waiting.push({ wakeUp, at: clock.now() + delay, failures: failures + 1 });
    }
  }

  return {
    async schedule(wakeUp: WakeUp, at, { signal } = {}) {
      signal?.throwIfAborted();
      waiting.push({ wakeUp, at, failures: 0 });
      turn();
    },

    consume(next) {
      if (handler !== undefined) throw new TypeError('the queue has a consumer already');
      handler = next;
      turn();
    },

    async close() {
      closed = true;
      cancelTimer();
      const cancelPatience = clock.after(patienceMs, () => patience.abort(new Error('the work queue is closing')));
      await Promise.all(active);
      cancelPatience();
    },
  };
}
