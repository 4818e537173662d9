import type { ArtifactStore } from '../../../src/core/ports/artifact-store.ts';
import type { Storage } from '../../../src/core/ports/storage.ts';
import type { SoakSetting } from './soak-setting.ts';

/** Something that lies where Errand keeps things: its place, and its text. */
export interface AtRest {
  place: string;
  text: string;
}

/** Where a soak happens: what Errand keeps, and the platform. Neither is ever killed. */
export interface SoakPlace {
  setting: SoakSetting;
  /** Of the tasks. */
  image: string;
  /** Where executions are counted, as tasks see it, and as the harness does. */
  tally: string;
  executions: string;
  /** Its processes have this in their environment. */
  environment: Record<string, string>;
  /** Errand's own view of what is there, for the harness. */
  open(): Promise<{ storage: Storage; artifacts: ArtifactStore; close(): Promise<void> }>;
  /** The platform starts once more the runner of this attempt, whose user code has just come to its end. */
  startAgain(runId: string, attempt: number): Promise<void>;
  /** How often it has done so. */
  startedAgain(): number;
  /** Containers, groups and processes of the soak that are still there. */
  left(): Promise<string[]>;
  /** All that Errand keeps, and all that its orchestrators had to say. */
  atRest(): AsyncIterable<AtRest>;
  close(): Promise<void>;
}
