import type { Receipt } from '../contract/cost.ts';
import type { EndReason, LogFacts, OutputFile, RunState, TerminalState } from '../contract/run.ts';
import type { Delivery } from './webhooks.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import type { TraceContext } from './trace-context.ts';

/** An instant: RFC 3339, UTC, milliseconds. */
export type Instant = string;

/** AES-256-GCM over the JSON of the secret values; see `seal.ts`. */
export interface SealedSecrets {
  keyId: string;
  iv: string;
  tag: string;
  data: string;
}

export interface AttemptRecord {
  /** From 1. */
  number: number;
  /** Derived from run id and number; nothing else ever has this name. */
  containerName: string;
  /** Name of the runner driver. */
  platform: string;
  openedAt: Instant;
  /**
   * Who creates the container, and until when others leave it to them. It only saves double work:
   * that nothing starts twice rests on the fence alone.
   */
  lease: { by: string; until: Instant };
  phase?: string;
  containerId?: string;
  imageDigest?: string;
  region?: string;
  createdAt?: Instant;
  fencedAt?: Instant;
  endedAt?: Instant;
  /** When the platform had pulled the image for this attempt, and how long that took. Not there where it had the image, or does not tell. */
  pulledAt?: Instant;
  pullMs?: number;
  fetchMs?: number;
  runMs?: number;
  exitCode?: number;
  signal?: string;
  reason?: EndReason;
  message?: string;
  /** False where the fence proves that nothing was started under this attempt. */
  counted: boolean;
  /** The platform has answered that the container is not there, or never will be able to run anything. */
  containerGone: boolean;
  /** Not removed before this: the platform limits how fast containers may be. */
  removeAt?: Instant;
  /** The container is gone, and what the runner had of its exchange could not be removed: tried again then. */
  clearAt?: Instant;
  log?: LogFacts;
}

export type StopCause = 'cancel' | 'runTimeout' | 'totalTimeout';

export interface Waiting {
  reason: 'concurrency' | 'capacity' | 'backoff' | 'platform';
  message: string;
  /** The slot that is waited for. */
  slot?: string;
  until?: Instant;
}

interface RunBase {
  /** ULID in lower case: sorts by the time of accepting. */
  id: string;
  /** Counts writes; compare-and-swap is on it. */
  version: number;
  /** The writer's own mark of its write, so that a driver can tell its own success from another's after a lost answer. */
  operationId: string;
  taskName: string;
  requestedBy: string;
  createdAt: Instant;
  parameters: readonly { name: string; value?: string; secret: boolean }[];
  labels: Readonly<Record<string, string>>;
  definition: TaskDefinition;
  executable: { name: string; sha256: string; etag: string; bytes: number };
  secrets?: SealedSecrets;
  attempts: readonly AttemptRecord[];
  /** Why the attempt is being stopped. Written once; the first writer wins. `sentUntil`: a stop is under way, others leave it alone until then. */
  stop?: { cause: StopCause; at: Instant; sentUntil?: Instant };
  /** Who asked to cancel. Nothing is retried after it. */
  cancel?: { by: string; at: Instant };
  resolution?: { outcome: 'succeeded' | 'failed'; note: string; by: string; at: Instant };
  rerunOf?: string;
  /** See `versionOf`. Not in records of earlier Errands. */
  taskVersion?: string;
  /** The schedule that asked for it, and which of its planned times it is. */
  schedule?: { name: string; plannedAt: Instant };
  /** Who is to be told of its end, and how far that has come. */
  webhooks?: readonly Delivery[];
  /** By the price list of the time. */
  cost?: Receipt;
  /** Where the request for it belongs in a trace; spans of the run are children of that. */
  traceContext?: TraceContext;
  /** The key under which the record is found again, for its removal. */
  idempotencyKey?: string;
  /** Slots that the run may hold or wait for, in the order of taking. Empty again once they are given back. */
  slots: readonly { key: string; limit: number }[];
  /** From 1; one more each time the slots are given back for a later attempt. See `slot-holder.ts`. */
  slotTerm: number;
  /** The term whose slots have still to be given back. */
  releaseTerm?: number;
  /** Places that had no room, and until when they are left alone. */
  avoid?: readonly { place: string; until: Instant }[];
  /** The one chain of wake-ups that is valid; any other is dropped. */
  wakeId: string;
  /** When that wake-up is due. */
  wakeAt: Instant;
  /** Since when the platform has not answered. */
  staleSince?: Instant;
  /** There is still work to do: the run is not terminal, or something of it is left on a platform, or has still to be told. Indexed by the storage. */
  open: boolean;
}

export interface QueuedRun extends RunBase {
  state: 'queued';
  /** Not before this, after a failed attempt. */
  retryAt?: Instant;
  waiting?: Waiting;
  /** Where the next attempt will be created, and from when on; chosen once its slots are held. */
  place?: { name: string; notBefore: Instant };
}

export interface StartingRun extends RunBase {
  state: 'starting';
}

export interface RunningRun extends RunBase {
  state: 'running';
  startedAt: Instant;
}

export interface EndedRun extends RunBase {
  state: TerminalState;
  startedAt?: Instant;
  endedAt: Instant;
  reason: EndReason;
  message: string;
  exitCode?: number;
  output?: unknown;
  outputProblem?: string;
  files: readonly OutputFile[];
}

export type RunRecord = QueuedRun | StartingRun | RunningRun | EndedRun;

/** Numbers are never used again, also where earlier attempts are no longer kept. */
export function nextAttemptNumber(run: RunRecord): number {
  return (run.attempts.at(-1)?.number ?? 0) + 1;
}

/** The attempt under way, or the last one. Undefined where none was opened yet. */
export function lastAttempt(run: RunRecord): AttemptRecord | undefined {
  return run.attempts.at(-1);
}

/** A run in `starting` or `running` has an attempt; anything else is a damaged record. */
export function currentAttempt(run: StartingRun | RunningRun): AttemptRecord {
  const attempt = run.attempts.at(-1);
  if (attempt === undefined) throw new TypeError(`run ${run.id} is ${run.state satisfies RunState} without an attempt`);
  return attempt;
}
