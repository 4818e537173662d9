import { setTimeout as delay } from 'node:timers/promises';

/** The only source of time. Tests pass their own. */
export interface Clock {
  /** Milliseconds since the epoch. May jump: for records and deadlines that outlive the process. */
  now(): number;
  /** Milliseconds from an arbitrary start that never jump: for durations inside the process. */
  monotonic(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** Calls back after `ms`, unless the returned function is called first. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** setTimeout takes at most 2^31-1 ms and fires at once beyond it. */
const longestTimeout = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, { signal } = {}) => {
    await delay(Math.min(ms, longestTimeout), undefined, { signal });
  },
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), longestTimeout));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Sleeps until `ms` are over or the signal is aborted, whichever is first: for loops that end with their signal. */
export async function rest(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** An instant as records hold it: RFC 3339, UTC, milliseconds. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds since the epoch of an instant that {@link instant} wrote. */
export function fromInstant(text: string): number {
  return Date.parse(text);
}
