import type { SlotEntry } from '../core/ports/storage.ts';

/** One place in the queue of a slot. */
export interface Place {
  holder: string;
  held: boolean;
  units: number;
  limit: number;
  /** Milliseconds since the epoch. */
  since: number;
}

/** Everyone in the queue of a slot, in the order of joining. Values are never changed, and the same one comes back where nothing is to change. */
export type SlotQueue = readonly Place[];

/** Joins the queue, or asks again. Who holds keeps what it has, also under a smaller limit: its run is under way. */
export function taken(
  queue: SlotQueue,
  joining: Omit<Place, 'held'>,
): { value: SlotQueue; answer: { held: boolean; position: number } } {
  const known = queue.findIndex(({ holder }) => holder === joining.holder);
  const index = known === -1 ? queue.length : known;
  const mine = queue[known] ?? { ...joining, held: false };
  if (mine.held)
    return { value: replaced(queue, index, { ...mine, limit: joining.limit }), answer: { held: true, position: 0 } };
  const waitingBefore = queue.slice(0, index).filter(({ held }) => !held);
  const before = heldUnits(queue) + waitingBefore.reduce((sum, { units }) => sum + units, 0);
  const held = before + mine.units <= joining.limit;
  return {
    value: replaced(queue, index, { ...mine, limit: joining.limit, held }),
    answer: { held, position: held ? 0 : waitingBefore.length },
  };
}

/** Leaves the queue. The answer is the last of those waiting for whom there is a place now. */
export function released(queue: SlotQueue, holder: string): { value: SlotQueue; answer: string | undefined } {
  const left = queue.filter((place) => place.holder !== holder);
  let sum = heldUnits(left);
  let called: string | undefined;
  for (const place of left) {
    if (place.held) continue;
    sum += place.units;
    if (sum > place.limit) break;
    called = place.holder;
  }
  return { value: left.length === queue.length ? queue : left, answer: called };
}

/** Holders first, then those who wait, each in the order of joining. */
export function shown(key: string, queue: SlotQueue, instantOf: (ms: number) => string): SlotEntry[] {
  return [...queue.filter(({ held }) => held), ...queue.filter(({ held }) => !held)].map(({ holder, held, since }) => ({
    key,
    holder,
    held,
    since: instantOf(since),
  }));
}

/** Rows without the names of their fields: 2,000 of them are some 100 KB. */
export function slotRows(queue: SlotQueue): unknown {
  if (queue.length === 0) return undefined;
  return queue.map(({ holder, held, units, limit, since }) => [holder, held ? 1 : 0, units, limit, since]);
}

export function slotQueueOf(rows: unknown): SlotQueue {
  return (rows as [string, number, number, number, number][]).map(([holder, held, units, limit, since]) => ({
    holder,
    held: held === 1,
    units,
    limit,
    since,
  }));
}

function heldUnits(queue: SlotQueue): number {
  return queue.reduce((sum, { held, units }) => sum + (held ? units : 0), 0);
}

function replaced(queue: SlotQueue, index: number, place: Place): SlotQueue {
  const old = queue[index];
  if (old?.held === place.held && old.limit === place.limit) return queue;
  return [...queue.slice(0, index), place, ...queue.slice(index + 1)];
}
