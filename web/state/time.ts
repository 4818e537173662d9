import { useEffect, useState } from 'preact/hooks';

/** Milliseconds since the epoch, by the clock of whoever looks. */
export function now(): number {
  return Date.now();
}

/** Calls back after `ms`, unless the returned function is called first. */
export function after(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}

/** The time, again every `ms` while the page can be seen. Without `ms` it stands still. */
export function useNow(ms: number | undefined): number {
  const [time, setTime] = useState(now);
  useEffect(() => {
    if (ms === undefined) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) setTime(now());
    }, ms);
    return () => clearInterval(timer);
  }, [ms]);
  return time;
}

/** The value once it has stayed the same for `ms`. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => after(ms, () => setSettled(() => value)), [value, ms]);
  return settled;
}
