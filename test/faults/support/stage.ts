import type { Cell, CellOptions, OpenWorld } from './cell.ts';
import type { PlaceFaults } from './matrix.ts';

/** A place in which scenarios run, with all that can go wrong there. */
export interface Stage {
  name: string;
  faults: PlaceFaults;
  cells(seed: number): Cell[];
  open: OpenWorld;
  close(): Promise<void>;
  /** Scenarios at once: most of their time they wait. */
  lanes: number;
  options: CellOptions;
}
