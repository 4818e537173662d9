/** 4.2 s, 3 min 12 s, 2 h 5 min, 3 d 4 h. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** just now, 5 min ago, 3 d ago. */
export function ago(instant: string, now: number): string {
  const ms = now - Date.parse(instant);
  if (ms < 10_000) return 'just now';
  const [amount = '', unit = ''] = duration(Math.floor(ms / 1000) * 1000).split(' ');
  return `${unit === 's' ? Math.floor(Number(amount)) : amount} ${unit} ago`;
}

/** now, in 45 s, in 3 h 2 min. */
export function ahead(instant: string, now: number): string {
  const ms = Date.parse(instant) - now;
  return ms < 1000 ? 'now' : `in ${duration(Math.floor(ms / 1000) * 1000)}`;
}

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** Date and time as people here write them. */
export function dateTime(instant: string): string {
  return clock.format(new Date(instant));
}

/** With a full stop, unless it has an end of its own. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export function bytes(count: number): string {
  if (count < 1024) return count === 1 ? '1 byte' : `${count} bytes`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** Small sums need more places: 0.0004 USD is not nothing. */
export function money(amount: number, currency: string): string {
  const digits = amount === 0 || amount >= 1 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(amount)));
  return `${amount.toFixed(digits)} ${currency}`;
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value > 99 && value < 100 ? value.toFixed(1) : Math.round(value)} %`;
}

/** Ids are ULIDs: their end tells them apart, their beginning is the time. */
export function shortId(id: string): string {
  return id.slice(-8);
}
