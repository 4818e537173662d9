import type { Clock } from '../../src/core/clock.ts';

export interface ManualClock extends Clock {
  /** Moves time on, stopping wherever a timer is due: it is fired, and `settle` is awaited before time goes on. */
  advance(ms: number, settle?: () => Promise<void>): Promise<void>;
  /** Somebody sets the clock on the wall. Timers go on as they were. */
  set(now: number): void;
}

interface Timer {
  due: number;
  order: number;
  fire: () => void;
}

/** Time that stands still until a test moves it. */
export function manualClock(start: number): ManualClock {
  const timers = new Set<Timer>();
  let elapsed = 0;
  let wall = start;
  let order = 0;

  function after(ms: number, fire: () => void): () => void {
    const timer = { due: elapsed + Math.max(ms, 0), order: (order += 1), fire };
    timers.add(timer);
    return () => timers.delete(timer);
  }

  function nextBefore(end: number): Timer | undefined {
    const due = [...timers].filter((timer) => timer.due <= end);
    return due.toSorted((a, b) => a.due - b.due || a.order - b.order)[0];
  }

  return {
    now: () => wall + elapsed,
    monotonic: () => elapsed,
    after,
    set: (now) => {
      wall = now - elapsed;
    },
    sleep: (ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        const fail = () => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
        if (signal?.aborted === true) return fail();
        const stop = after(ms, () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        });
        const abort = () => {
          stop();
          fail();
        };
        signal?.addEventListener('abort', abort, { once: true });
        return undefined;
      }),
    advance: async (ms, settle = async () => undefined) => {
      const end = elapsed + ms;
      for (let timer = nextBefore(end); timer !== undefined; timer = nextBefore(end)) {
        timers.delete(timer);
        elapsed = Math.max(elapsed, timer.due);
        timer.fire();
        await settle();
      }
      elapsed = end;
      await settle();
    },
  };
}
