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

/**
 * Looks at what changes unannounced, and shows it: after `first` milliseconds, and again `ms` after each look has ended, until the returned function is called;
 * nothing is shown from then on. A look that fails shows nothing, and the next one is taken all the same: whoever depends on an answer asks by himself.
 */
export function lookEvery<Seen>(
  clock: Pick<Clock, 'after'>,
  ms: number,
  look: () => Promise<Seen>,
  show: (seen: Seen) => void,
  { first = ms }: { first?: number } = {},
): () => void {
  let stopped = false;
  let stopTimer = (): void => {};
  const tick = async (): Promise<void> => {
    const seen = await look().catch(() => undefined);
    if (stopped) return;
    if (seen !== undefined) show(seen);
    stopTimer = clock.after(ms, () => void tick());
  };
  stopTimer = clock.after(first, () => void tick());
  return () => {
    stopped = true;
    stopTimer();
  };
}

/** An instant as records hold it: RFC 3339, UTC, milliseconds. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds since the epoch of an instant that {@link instant} wrote. */
export function fromInstant(text: string): number {
  return Date.parse(text);
}
