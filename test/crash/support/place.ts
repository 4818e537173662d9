import type { ArtifactStore } from '../../../src/core/ports/artifact-store.ts';
import type { Storage } from '../../../src/core/ports/storage.ts';
import type { CrashCase, Setting } from './crash-case.ts';
import type { EngineRequest } from './faulty-engine.ts';
import type { Victim } from './workers.ts';

/** Where one case happens: what Errand keeps, and the platform behind a proxy whose requests are crash points. */
export interface Place {
  /** Errand's data directory, and where the harness keeps what it counts by itself. */
  data: string;
  notes: string;
  setting(of: CrashCase): Omit<Setting, 'dockerHost'>;
  /** Errand's own view of what is there, for the harness. */
  open(): Promise<{ storage: Storage; artifacts: ArtifactStore; close(): Promise<void> }>;
  survivorHost(): string;
  /** Lets the victim of this case be the one whose requests count. Answers with the engine's address for it; empty without an engine. */
  meet(victim: Victim, its: CrashCase): string;
  /** Those of an earlier life. */
  forgetPoints(): Promise<void>;
  enginePoints(): string[];
  /** All that the platform was asked, by whomever. */
  requests(): readonly EngineRequest[];
  /** Names of the containers that still carry our labels. */
  containers(): Promise<string[]>;
  /** All that must go before a case can be judged. */
  leftovers(): Promise<string[]>;
  /** What only this kind of place can check: one line for each broken promise. */
  problems(): Promise<string[]>;
  /** The platform starts once more what has ended. */
  reboot(of: CrashCase): Promise<void>;
  close(): Promise<void>;
}

export type OpenPlace = (crash: CrashCase) => Promise<Place>;
