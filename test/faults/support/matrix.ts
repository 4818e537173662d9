import type { Cell } from './cell.ts';
import { faultKinds, schedules, type FaultKind } from './injector.ts';

/** Which kinds of faults each port (or wire) of a place knows. */
export type PlaceFaults = Readonly<Record<string, readonly FaultKind[]>>;

/** Every kind at every port apart from the others, where it is met first. */
export function cellsApart(faults: PlaceFaults, seed: number): Cell[] {
  return Object.entries(faults).flatMap(([port, kinds]) =>
    kinds.map((kind): Cell => ({ kinds: [kind], ports: [port], schedule: 'first', seed })),
  );
}

/** Every kind everywhere at once by every schedule, and all of them together. */
export function cellsAcross(faults: PlaceFaults, seed: number): Cell[] {
  const possible = new Set(Object.values(faults).flat());
  const single = [...possible].flatMap((kind) =>
    schedules.map((schedule): Cell => ({ kinds: [kind], schedule, seed })),
  );
  return [...single, ...together(seed)];
}

/** By the milder schedules: half of all calls fail in enough other scenarios. */
function together(seed: number): Cell[] {
  return (['first', 'everyThird', 'tenth'] as const).map((schedule) => ({ kinds: faultKinds, schedule, seed }));
}

/** Faults by `port kind`. */
export type Counts = Map<string, number>;

export function addCounts(total: Counts, more: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [key, count] of more) {
    sum += count;
    total.set(key, (total.get(key) ?? 0) + count);
  }
  return sum;
}

export interface ThinCell {
  port: string;
  kind: FaultKind;
  count: number;
}

/** Where there were fewer faults than that. */
export function thinCells(counts: Counts, faults: PlaceFaults, least: number): ThinCell[] {
  return Object.entries(faults).flatMap(([port, kinds]) =>
    kinds.flatMap((kind) => {
      const count = counts.get(`${port} ${kind}`) ?? 0;
      return count < least ? [{ port, kind, count }] : [];
    }),
  );
}

/** Rows are ports, columns kinds; a dash where the cell does not exist. */
export function tableOf(place: string, counts: Counts, faults: PlaceFaults): string[] {
  const columns = faultKinds.map((kind) => kind.padStart(14)).join('');
  const rows = Object.entries(faults).map(([port, kinds]) => {
    const cells = faultKinds.map((kind) =>
      (kinds.includes(kind) ? String(counts.get(`${port} ${kind}`) ?? 0) : '–').padStart(14),
    );
    return `${port.padEnd(10)}${cells.join('')}`;
  });
  return [`${place.padEnd(10)}${columns}`, ...rows];
}
