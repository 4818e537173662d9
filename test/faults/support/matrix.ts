import type { Cell } from './cell.ts';
import { faultKinds, schedules } from './injector.ts';

/** Which kinds of faults each port (or wire) of a place knows. */
export type PlaceFaults = Readonly<Record<string, readonly (typeof faultKinds)[number][]>>;

/** Every kind at every port by every schedule, and all of them together at the milder ones. */
export function cellsOf(faults: PlaceFaults, seed: number): Cell[] {
  const single = Object.entries(faults).flatMap(([port, kinds]) =>
    kinds.flatMap((kind) => schedules.map((schedule): Cell => ({ kinds: [kind], ports: [port], schedule, seed }))),
  );
  const together = (['first', 'everyThird', 'tenth'] as const).map((schedule): Cell => ({
    kinds: faultKinds,
    schedule,
    seed,
  }));
  return [...single, ...together];
}

export interface Tally {
  faults: number;
  scenarios: number;
  runs: number;
  lost: number;
  startedTwice: number;
  containersLeft: number;
  /** By `port kind`. */
  cells: Map<string, number>;
}

export function emptyTally(): Tally {
  return { faults: 0, scenarios: 0, runs: 0, lost: 0, startedTwice: 0, containersLeft: 0, cells: new Map() };
}

/** Cells with fewer faults than that: what was to be shown was not. */
export function thinCells({ cells }: Tally, faults: PlaceFaults, least: number): string[] {
  return Object.entries(faults).flatMap(([port, kinds]) =>
    kinds.flatMap((kind) => {
      const count = cells.get(`${port} ${kind}`) ?? 0;
      return count < least ? [`${port} ${kind}: ${count} faults, fewer than ${least}`] : [];
    }),
  );
}

/** Rows are ports, columns kinds; a dash where the cell does not exist. */
export function tableOf({ cells }: Tally, faults: PlaceFaults): string[] {
  const columns = faultKinds.map((kind) => kind.padStart(13)).join('');
  const rows = Object.entries(faults).map(([port, kinds]) => {
    const counts = faultKinds.map((kind) =>
      (kinds.includes(kind) ? String(cells.get(`${port} ${kind}`) ?? 0) : '–').padStart(13),
    );
    return `${port.padEnd(12)}${counts.join('')}`;
  });
  return [`${' '.repeat(12)}${columns}`, ...rows];
}
