import type { Rate } from './ports/storage.ts';

/**
 * The earliest moment from `now` on that keeps every rate, and the moments to remember with it. All in milliseconds since the epoch; `given` is what an
 * earlier call remembered, in order. Windows are half open: with 1 per 1,000 ms, 1,000 ms later is free again.
 */
export function nextMoment(
  given: readonly number[],
  rates: readonly Rate[],
  now: number,
): { at: number; given: number[] } {
  let at = Math.max(now, given.at(-1) ?? now);
  for (const { count, perMs } of rates) {
    const before = given[given.length - count];
    if (before !== undefined) at = Math.max(at, before + perMs);
  }
  const longest = Math.max(0, ...rates.map(({ perMs }) => perMs));
  const most = Math.max(0, ...rates.map(({ count }) => count));
  return { at, given: [...given.filter((moment) => moment > at - longest), at].slice(-most) };
}
