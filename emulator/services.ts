import type { EmulatorClock } from './clock.ts';
import type { Engine } from './engine.ts';
import type { Random } from './random.ts';
import type { Switches } from './switches.ts';

/** What the work on groups needs. */
export interface DeploymentServices {
  readonly clock: EmulatorClock;
  readonly random: Random;
  readonly switches: Switches;
  readonly engine: Engine;
  /** For people who look after the emulator; one line each. */
  readonly log: (line: string) => void;
}
