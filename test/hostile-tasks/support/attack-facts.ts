import type { RunView } from '../../../src/contract/run.ts';
import type { ProcessCount } from './count-processes.ts';
import type { Place } from './place.ts';

/** A quiet run beside the others. */
export interface Neighbour {
  runId: string;
  secret: string;
  /** Where it serves a page. */
  address: string;
}

export interface Surroundings {
  place: Place;
  neighbour: Neighbour;
}

/** What was seen of an attack. */
export interface AttackFacts {
  run: RunView;
  /** All of it. */
  log: string;
  /** The value that the run was given, where it was given one. */
  secret: string;
  /** The most that the engine's own copy of the output took, in bytes. */
  peakEngineLog?: number;
  /** What the kernel counted of its processes, again and again. */
  processes?: readonly ProcessCount[];
  /** What came to a client that followed the log, in bytes. */
  followedBytes?: number;
  /** What the orchestrator has stored of the run when it has ended, in bytes on disk, where it keeps files. */
  stored?: number;
}
