import type { RunState } from '../../src/contract/run.ts';
import type { ArtifactStore } from '../../src/core/ports/artifact-store.ts';
import type { Storage } from '../../src/core/ports/storage.ts';

/** What user code wrote about itself where Errand does not look. */
export interface Execution {
  runId: string;
  attempt: number;
  /** Made by the execution itself, so that two of one attempt are told apart. */
  id: string;
  /** It came to its last line. */
  ended: boolean;
  /** What it was about to end with; undefined where it did not say. */
  exitCode?: number;
}

/** A write of a record that the storage has confirmed. */
export interface Write {
  id: string;
  version: number;
  state: RunState;
  open: boolean;
}

/** An answer in which a client was told that its request is now a run. */
export interface Acceptance {
  runId: string;
  /** Its `Idempotency-Key`. */
  key?: string | undefined;
}

/** A webhook that came to a receiver. */
export interface Told {
  runId: string;
  /** Of the webhook, within the run. */
  number: number;
  /** Its `webhook-id`. */
  id: string;
  /** Its signature is that of the secret that the receiver has. */
  isGenuine: boolean;
}

/** Everything that can be had from outside after a test. What is undefined was not watched, and is not judged. */
export interface Evidence {
  /** The ports below any fault: what is really stored. */
  storage: Pick<Storage, 'listRuns' | 'openRuns' | 'slotEntries'>;
  artifacts: Pick<ArtifactStore, 'exchange'>;
  acceptances: readonly Acceptance[];
  /** Ids of runs whose cancel was answered with `canceled` while nothing had been started for them. */
  canceledBeforeStart?: readonly string[];
  executions?: readonly Execution[];
  /** All that an execution printed, where that is known to the byte. Of one that did not end: what it would have. */
  printed?: (execution: Execution) => string | undefined;
  writes?: readonly Write[];
  /** What receivers were told. */
  told?: readonly Told[];
  /** What is left on the platform: containers, groups, processes. */
  left: readonly string[];
}
