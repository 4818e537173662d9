import type { Context } from '../../../src/core/context.ts';
import type { Orchestrator } from '../../../src/core/orchestrator.ts';
import type { DriverName } from '../../crash/support/crash-case.ts';
import type { Write } from '../../promise/evidence.ts';
import type { Injector } from './injector.ts';

/** Errand and what it stands on, with faults in between, for one scenario. */
export interface World {
  driver: DriverName;
  orchestrator: Orchestrator;
  /** What is below the faults. */
  plain: Pick<Context, 'storage' | 'artifacts'>;
  injector: Injector;
  /** Where tasks note their executions, as they see it; and the file in which the notes are. */
  tally: string;
  notes: string;
  /** Writes of records that storage has confirmed; undefined where nobody listened. */
  writes: readonly Write[] | undefined;
  /** Containers, groups and processes that are still there. */
  left(): Promise<string[]>;
  /** Closes Errand and takes everything away. */
  close(): Promise<void>;
}
