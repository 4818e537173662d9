import type { RunRecord } from './run-record.ts';

/**
 * Who a run is in the queue of a slot. Each time it gives its slots back to wait for another attempt, it comes back as somebody else: a process that was
 * stalled in the middle of giving back cannot take away what the run holds by now.
 */
export function slotHolder({ id, slotTerm }: Pick<RunRecord, 'id' | 'slotTerm'>, term = slotTerm): string {
  return `${id}.${term}`;
}

export function runIdOf(holder: string): string {
  return holder.slice(0, holder.indexOf('.'));
}
