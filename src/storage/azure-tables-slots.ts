import { fromInstant, instant, type Clock } from '../core/clock.ts';
import type { Cancelable, SlotEntry, Storage } from '../core/ports/storage.ts';
import { cells } from './azure-cell.ts';
import { released, shown, slotQueueOf, slotRows, taken, type SlotQueue } from './azure-slot-queue.ts';
import type { Table } from './azure-table.ts';
import type { Texts } from './azure-texts.ts';

type Slots = Pick<Storage, 'takeSlot' | 'releaseSlot' | 'slotQueue' | 'slotEntries'>;

/** Queues of slots, each a value that changes as a whole. */
export function slots({ table, texts, clock }: { table: Table; texts: Texts; clock: Clock }): Slots {
  const queues = cells<SlotQueue>({
    table,
    texts,
    clock,
    kind: 'slot',
    empty: [],
    read: slotQueueOf,
    write: slotRows,
  });

  return {
    takeSlot: ({ key, holder, limit, at, units = 1 }, options: Cancelable = {}) => {
      const joining = { holder, limit, units, since: fromInstant(at) };
      return queues.change(key, (queue) => taken(queue, joining), options);
    },

    releaseSlot: (key, holder, options: Cancelable = {}) =>
      queues.change(key, (queue) => released(queue, holder), options),

    slotQueue: async (key, options: Cancelable = {}) => shown(key, await queues.get(key, options), instant),

    async slotEntries({ before, limit, after }, options: Cancelable = {}) {
      const found: SlotEntry[] = [];
      for await (const { key, value } of queues.all(after?.key, options)) {
        const sorted = shown(key, value, instant).toSorted((a, b) => (a.holder < b.holder ? -1 : 1));
        for (const entry of sorted) {
          const isSeen = after !== undefined && key === after.key && entry.holder <= after.holder;
          if (!isSeen && entry.since < before) found.push(entry);
          if (found.length >= limit) return found;
        }
      }
      return found;
    },
  };
}
