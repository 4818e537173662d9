import type { Policy } from '../../../src/core/policy.ts';
import type { Cell } from './cell.ts';
import {
  createdAgain,
  deletedBeforeSaved,
  noCompareAndSwap,
  silentMeansAbsent,
  wakeUpLost,
  type Variant,
} from './variants.ts';

export interface Control extends Cell {
  name: string;
  variant: Variant;
  policy?: Partial<Policy>;
  /** What the checker has to say to it. */
  shows: RegExp;
}

/** What must be caught, and the cell in which it shows. The same cell without the variant must pass. */
export const controls: readonly Control[] = [
  {
    name: 'a record is replaced whatever version is stored',
    variant: noCompareAndSwap,
    shows: /writers wrote version/,
    kinds: ['staleRead'],
    ports: ['storage'],
    schedule: 'tenth',
    seed: 1,
  },
  {
    name: 'a container is removed before its log is kept',
    variant: deletedBeforeSaved,
    shows: /is lost|log/,
    kinds: ['doneButFailed'],
    ports: ['exchange'],
    schedule: 'first',
    seed: 1,
  },
  {
    name: 'a wake-up whose handler failed is lost',
    variant: wakeUpLost,
    // Nobody else may find the run either.
    policy: { sweepEveryMs: 3_600_000 },
    shows: /never ended|never finished/,
    kinds: ['failBefore', 'throttled'],
    ports: ['queue', 'driver'],
    schedule: 'half',
    seed: 1,
  },
  {
    name: 'a create whose answer was lost is done again',
    variant: createdAgain,
    // Twice under one attempt, or found gone between the two.
    shows: /was executed \d times|is lost/,
    kinds: ['doneButFailed'],
    ports: ['driver'],
    schedule: 'first',
    seed: 1,
  },
  {
    name: 'a platform that is silent is taken for one that says absent',
    variant: silentMeansAbsent,
    policy: { safetyLookMs: 100 },
    shows: /is lost/,
    kinds: ['silence', 'unavailable'],
    ports: ['driver'],
    schedule: 'half',
    seed: 1,
  },
];

/** Whether it strikes is a matter of moments: so often it is tried, each time with the next seed. */
export const controlTries = 4;
