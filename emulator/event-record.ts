import type { EmulatorClock } from './clock.ts';

/** An event as the ARM API shows it. */
export interface EventRecord {
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  name: string;
  message: string;
  type: 'Normal' | 'Warning';
}

/** RFC 3339 in whole seconds, as the service gives times of containers. */
export function secondsInstant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** With the seven decimals that the service gives times of operations. */
export function fineInstant(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '0000Z');
}

/** Adds an event; one of the same name and text is counted up instead. */
export function addEvent(
  events: EventRecord[],
  clock: EmulatorClock,
  event: Pick<EventRecord, 'name' | 'message'> & { type?: EventRecord['type'] },
): void {
  const at = secondsInstant(clock.now());
  const same = events.find(({ name, message }) => name === event.name && message === event.message);
  if (same !== undefined) {
    same.count += 1;
    same.lastTimestamp = at;
    return;
  }
  const { name, message, type = 'Normal' } = event;
  events.push({ count: 1, firstTimestamp: at, lastTimestamp: at, name, message, type });
}
