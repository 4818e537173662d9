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

/** Slots of the place that was chosen for an attempt, as against those that the run needs wherever it runs. */
export function isPlaceSlot(key: string): boolean {
  return key.startsWith('place:') || key.startsWith('cpu:');
}

/** What is given back for a later attempt is taken again then, except for the place, which is chosen anew; what is given back for good is not. */
export function withoutSlots(run: RunRecord, { slots, term }: { slots: RunRecord['slots']; term: number }): RunRecord {
  if (term === run.slotTerm) return { ...run, slots: run.slots.filter((slot) => !slots.includes(slot)) };
  const { releaseTerm: _, ...rest } = run;
  return { ...rest, slots: run.slots.filter(({ key }) => !isPlaceSlot(key)) };
}
