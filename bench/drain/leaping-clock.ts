import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import type { EmulatorClock } from '../../emulator/server.ts';
import type { Clock } from '../../src/core/clock.ts';

/**
 * Time for orchestrator and emulator alike. It passes as it does outside while anything is under way, and leaps to the next timer while nothing is: what
 * the work itself takes counts in full, and three hours of waiting take seconds, on a slow machine too.
 */
export interface LeapingClock extends Clock, EmulatorClock {
  /** No leaps until the returned function is called: for what goes on outside of this process. */
  hold(): () => void;
  /** How much was leapt over so far, in milliseconds. */
  leapt(): number;
  stop(): void;
}

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** What follows from a callback, and what is under way on loopback, comes up within a few turns of the event loop. */
const quietTurns = 8;
const busyPauseMs = 1;

export function leapingClock(): LeapingClock {
  const start = Date.now();
  const origin = performance.now();
  const timers = new Set<Timer>();
  const traffic = requestsUnderWay();
  let leaps = 0;
  let held = 0;
  const ending = new AbortController();

  const elapsed = (): number => performance.now() - origin + leaps;

  /** One pass over all: returns what comes next where nothing is due. */
  function fireDue(): Timer | undefined {
    const now = elapsed();
    let next: Timer | undefined;
    const due: Timer[] = [];
    for (const timer of timers) {
      if (timer.due <= now) due.push(timer);
      else if (next === undefined || timer.due < next.due) next = timer;
    }
    for (const timer of due.toSorted((a, b) => a.due - b.due)) if (timers.delete(timer)) timer.callback();
    return due.length > 0 ? undefined : next;
  }

  function isBusy(): boolean {
    return held > 0 || traffic.count() > 0 || process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
  }

  async function pump(): Promise<void> {
    while (!ending.signal.aborted) {
      const next = fireDue();
      if (next === undefined && timers.size > 0) continue;
      let turns = 0;
      while (turns < quietTurns && !isBusy()) {
        await turn();
        turns += 1;
      }
      if (turns < quietTurns || next === undefined) await pause(busyPauseMs);
      else if (timers.has(next)) leaps += Math.max(0, next.due - elapsed());
    }
  }

  const pumping = pump();
  pumping.catch((error: unknown) => {
    throw error;
  });

  function after(ms: number, callback: () => void): () => void {
    if (ms === Infinity) return () => undefined;
    const timer: Timer = { due: elapsed() + Math.max(ms, 0), callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  }

  return {
    factor: undefined,
    now: () => Math.floor(start + elapsed()),
    monotonic: elapsed,
    after,
    sleep: async (ms, { signal } = {}) => {
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const abort = (): void => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = after(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      signal?.addEventListener('abort', abort, { once: true });
      await promise;
    },
    hold: () => {
      held += 1;
      let mine = 1;
      return () => {
        held -= mine;
        mine = 0;
      };
    },
    leapt: () => leaps,
    stop: () => {
      ending.abort();
      traffic.stop();
    },
  };
}

/** Of this process, and not answered yet. Source: Node.js documentation, "Diagnostics Channel", built-in channels of HTTP. */
function requestsUnderWay(): { count(): number; stop(): void } {
  const open = new Set<unknown>();
  const begin = (message: unknown): void => void open.add(requestOf(message));
  const end = (message: unknown): void => void open.delete(requestOf(message));
  const channels = [
    ['http.client.request.start', begin],
    ['http.client.request.error', end],
    ['http.client.response.finish', end],
  ] as const;
  for (const [name, listener] of channels) subscribe(name, listener);
  return {
    count: () => open.size,
    stop: () => {
      for (const [name, listener] of channels) unsubscribe(name, listener);
    },
  };
}

function requestOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'request' in message ? message.request : undefined;
}
