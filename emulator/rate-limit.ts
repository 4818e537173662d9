import type { EmulatorClock } from './clock.ts';

const hourMs = 3_600_000;
const fiveMinutesMs = 300_000;

export interface Limits {
  readonly perHour: number;
  readonly per5Minutes: number;
}

export interface Admission {
  readonly admitted: boolean;
  /** Emulated milliseconds until the next one is; 0 where this one was. */
  readonly waitMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Counts one kind of request in sliding windows of an hour and of five minutes. */
export interface RateLimit {
  /** Counts a request, unless the limits refuse it. */
  take(key: string, limits: Limits): Admission;
}

export function slidingWindows(clock: EmulatorClock): RateLimit {
  const taken = new Map<string, number[]>();
  return {
    take(key, { perHour, per5Minutes }) {
      const now = clock.now();
      const times = (taken.get(key) ?? []).filter((at) => at > now - hourMs);
      const recent = times.filter((at) => at > now - fiveMinutesMs);
      const waits = [waitFor(times, perHour, hourMs, now), waitFor(recent, per5Minutes, fiveMinutesMs, now)];
      const waitMs = Math.max(...waits);
      const admitted = waitMs === 0;
      const used = admitted ? 1 : 0;
      if (admitted) times.push(now);
      taken.set(key, times);
      const prefix = 'x-ms-ratelimit-remaining-subscription-resource-requests';
      const headers = {
        [`${prefix}-pt1h`]: String(Math.max(perHour - times.length, 0)),
        [`${prefix}-pt5m`]: String(Math.max(per5Minutes - recent.length - used, 0)),
      };
      return { admitted, waitMs, headers };
    },
  };
}

/** Until enough of the oldest have left the window for one more to fit. */
function waitFor(times: readonly number[], limit: number, windowMs: number, now: number): number {
  if (times.length < limit) return 0;
  const leaving = times[times.length - limit];
  return leaving === undefined ? windowMs : leaving + windowMs - now;
}
