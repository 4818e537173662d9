/** The emulator's only source of time: the driver under test may live in another. */
export interface EmulatorClock {
  /** Milliseconds since the epoch, in emulated time. */
  now(): number;
  /** Calls back after `ms` of emulated time (never for Infinity), unless the returned function is called first. */
  after(ms: number, callback: () => void): () => void;
  /** How many emulated milliseconds pass in one real one; undefined where a test moves the time by hand. */
  readonly factor: number | undefined;
}

/** setTimeout takes at most 2^31-1 ms and fires at once beyond it. */
const longestTimeout = 2_147_483_647;

/** Time that starts now and runs `factor` times as fast as it does outside. */
export function scaledClock(factor = 1): EmulatorClock {
  if (!(factor > 0)) throw new Error(`A clock cannot run ${factor} times as fast; give a number above 0`);
  const start = Date.now();
  const origin = performance.now();
  return {
    factor,
    now: () => start + (performance.now() - origin) * factor,
    after(ms, callback) {
      if (ms === Infinity) return () => undefined;
      const timer = setTimeout(callback, Math.min(Math.max(ms, 0) / factor, longestTimeout));
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** Resolves after `ms` of emulated time, or rejects with the signal's reason. */
export function sleep(clock: EmulatorClock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
