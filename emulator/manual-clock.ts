import { setImmediate as turn } from 'node:timers/promises';

import type { EmulatorClock } from './clock.ts';

export interface ManualClock extends EmulatorClock {
  /** Moves the time on by `ms`; what falls due on the way is called in order, and gets time to go on, before this resolves. */
  advance(ms: number): Promise<void>;
}

interface Due {
  readonly at: number;
  readonly callback: () => void;
}

/** Promises that follow from a callback, and requests in flight on loopback, settle within a few turns of the event loop. */
const settlingTurns = 5;

/** Time that stands still until a test moves it. `start` is in milliseconds since the epoch. */
export function manualClock(start: number = Date.UTC(2026, 0, 1)): ManualClock {
  let now = start;
  const waiting = new Set<Due>();

  async function settle(): Promise<void> {
    for (let count = 0; count < settlingTurns; count += 1) await turn();
  }

  return {
    factor: undefined,
    now: () => now,
    after(ms, callback) {
      const due: Due = { at: now + Math.max(ms, 0), callback };
      waiting.add(due);
      return () => void waiting.delete(due);
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const next = [...waiting].filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)[0];
        if (next === undefined) break;
        waiting.delete(next);
        now = Math.max(now, next.at);
        next.callback();
        await settle();
      }
      now = end;
    },
  };
}
