import type { SlotEntry } from '../core/ports/storage.ts';
import type { Row, Statements } from './sqlite-connection.ts';

/**
 * Places in the queue of a slot are numbers in the order of joining, given inside the write lock: clocks that differ between processes
 * let nobody overtake. Each function runs in one transaction.
 */
export function takeSlot(
  db: Statements,
  { units = 1, ...entry }: { key: string; holder: string; limit: number; at: string; units?: number },
): { held: boolean; position: number } {
  db.run(
    `INSERT INTO slots (key, holder, held, slot_limit, units, since) VALUES (?, ?, 0, ?, ?, ?)
     ON CONFLICT (key, holder) DO UPDATE SET slot_limit = excluded.slot_limit`,
    entry.key,
    entry.holder,
    entry.limit,
    units,
    entry.at,
  );
  const mine = db.get('SELECT place, held, units FROM slots WHERE key = ? AND holder = ?', entry.key, entry.holder);
  const place = Number(mine?.['place']);
  // A holder keeps what it has, also under a limit that has become smaller: its run is under way.
  if (mine?.['held'] === 1) return { held: true, position: 0 };
  const waiting = db.get(
    'SELECT count(*) AS n, coalesce(sum(units), 0) AS units FROM slots WHERE key = ? AND held = 0 AND place < ?',
    entry.key,
    place,
  );
  const before = heldUnits(db, entry.key) + Number(waiting?.['units']);
  if (before + Number(mine?.['units']) > entry.limit) return { held: false, position: Number(waiting?.['n']) };
  db.run('UPDATE slots SET held = 1 WHERE place = ?', place);
  return { held: true, position: 0 };
}

/**
 * Of those who wait, the last one for whom there is a place: where two places came free and nobody has taken the first yet, the second
 * release names the second waiter, and none of them sleeps on.
 */
export function releaseSlot(db: Statements, key: string, holder: string): string | undefined {
  db.run('DELETE FROM slots WHERE key = ? AND holder = ?', key, holder);
  let taken = heldUnits(db, key);
  let called: string | undefined;
  let place = 0;
  for (;;) {
    const next = db.get(
      'SELECT place, holder, slot_limit, units FROM slots WHERE key = ? AND held = 0 AND place > ? ORDER BY place LIMIT 1',
      key,
      place,
    );
    if (next === undefined || taken + Number(next['units']) > Number(next['slot_limit'])) return called;
    called = String(next['holder']);
    place = Number(next['place']);
    taken += Number(next['units']);
  }
}

export function slotQueue(db: Statements, key: string): SlotEntry[] {
  return db
    .all('SELECT key, holder, held, since FROM slots WHERE key = ? ORDER BY held DESC, place', key)
    .map(slotEntry);
}

export function slotEntries(
  db: Statements,
  { before, limit, after }: { before: string; limit: number; after?: { key: string; holder: string } },
): SlotEntry[] {
  return db
    .all(
      'SELECT key, holder, held, since FROM slots WHERE (key, holder) > (?, ?) AND since < ? ORDER BY key, holder LIMIT ?',
      after?.key ?? '',
      after?.holder ?? '',
      before,
      limit,
    )
    .map(slotEntry);
}

function heldUnits(db: Statements, key: string): number {
  const row = db.get('SELECT coalesce(sum(units), 0) AS units FROM slots WHERE key = ? AND held = 1', key);
  return Number(row?.['units']);
}

function slotEntry(row: Row): SlotEntry {
  return {
    key: String(row['key']),
    holder: String(row['holder']),
    held: row['held'] === 1,
    since: String(row['since']),
  };
}
