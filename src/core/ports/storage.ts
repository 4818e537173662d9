import type { RunState } from '../../contract/run.ts';
import type { Instant, RunRecord } from '../run-record.ts';
import type { ScheduleStorage } from './schedule-storage.ts';

export interface Cancelable {
  signal?: AbortSignal | undefined;
}

export interface RunFilter {
  taskName?: string;
  states?: readonly RunState[];
  /** All of these labels, with these values. */
  labels?: Readonly<Record<string, string>>;
  /** Accepted at this instant or later, by the time that is in the id. */
  since?: Instant;
}

export interface OpenRun {
  id: string;
  wakeAt: Instant;
}

export interface IdempotencyKey {
  /** Principal and key, joined and hashed by the core. */
  key: string;
  /** HMAC of the request. */
  requestHash: string;
  runId: string;
}

/** At most `count` in any window of `perMs` milliseconds. */
export interface Rate {
  count: number;
  perMs: number;
}

export interface SlotEntry {
  key: string;
  holder: string;
  held: boolean;
  since: Instant;
}

/**
 * Records of runs and of schedules. Writes are durable when they resolve. An outage throws `storageUnavailable`, `storageBusy`, `storageFull` or
 * `storageCorrupt` with its cause; a write that threw may still have happened, so callers read back.
 */
export interface Storage extends ScheduleStorage {
  /** A random id of this installation, made at first use: tells its containers from those of another on the same platform. */
  instanceId(options?: Cancelable): Promise<string>;

  /** Stores a new record. False where the id is taken; the stored one is left as it is. */
  createRun(run: RunRecord, options?: Cancelable): Promise<boolean>;

  getRun(id: string, options?: Cancelable): Promise<RunRecord | undefined>;

  /**
   * Replaces the record if the stored version is `run.version - 1`. False where it is not, or the record is gone. A driver whose
   * transport may lose an answer reads back and compares `operationId` before it says false.
   */
  updateRun(run: RunRecord, options?: Cancelable): Promise<boolean>;

  /** Removes record and idempotency key. Slots were given back before, or are by the sweep. Not there is fine. */
  deleteRun(id: string, options?: Cancelable): Promise<void>;

  /** Newest first. `cursor` is what an earlier page gave, else `invalidRequest` is thrown; undefined at the end. `limit` bounds the page. */
  listRuns(
    filter: RunFilter,
    page: { limit: number; cursor?: string | undefined },
    options?: Cancelable,
  ): Promise<{ runs: RunRecord[]; cursor?: string }>;

  /** Records with `open: true`, each once, soonest `wakeAt` first. `dueBefore` leaves out those whose wake-up is later. */
  openRuns(query: { dueBefore?: Instant; limit: number }, options?: Cancelable): Promise<OpenRun[]>;

  /** Ids of records that are not open and ended before `before`, oldest first. */
  endedRuns(query: { before: Instant; limit: number }, options?: Cancelable): Promise<string[]>;

  /** What is stored under a key. */
  getKey(key: string, options?: Cancelable): Promise<IdempotencyKey | undefined>;

  /** Stores the key if it is new. Answers with what is stored under it: the caller compares. */
  claimKey(key: IdempotencyKey, options?: Cancelable): Promise<IdempotencyKey>;

  /** Counts of open runs by state, for metrics. Its cost grows with the open runs, not with all. */
  countOpen(options?: Cancelable): Promise<Partial<Record<RunState, number>>>;

  /**
   * Joins the queue of a slot, or keeps the place it has, and holds it if its `units` fit beside those of all who are before it: the holders, then those who wait, in
   * the order of joining. Atomic among all processes. A holder keeps the slot, also under a smaller limit. `position` is how many waiters are before
   * this one (0 where held). `units` (1 unless given) and `limit` are whole numbers.
   */
  takeSlot(
    entry: { key: string; holder: string; limit: number; at: Instant; units?: number },
    options?: Cancelable,
  ): Promise<{ held: boolean; position: number }>;

  /**
   * Leaves the queue of a slot. Answers with the waiter who gets the place: the oldest one, or the next where an earlier release has named that one and
   * it has not taken its place yet, so that as many are named as places came free. Undefined where no place is free or nobody waits. Not there is fine.
   */
  releaseSlot(key: string, holder: string, options?: Cancelable): Promise<string | undefined>;

  /** Everyone in the queue of a slot, holders first, then by age. */
  slotQueue(key: string, options?: Cancelable): Promise<SlotEntry[]>;

  /** Entries of all slots older than `before`, by key and holder, for the sweep. `after` is the last of an earlier page. */
  slotEntries(
    query: { before: Instant; limit: number; after?: { key: string; holder: string } },
    options?: Cancelable,
  ): Promise<SlotEntry[]>;

  /**
   * Reserves a moment under rates that a platform sets: the earliest from `at` on for which no window of any rate has more than its count. Atomic
   * among all processes; moments are given in order. A reserved moment is used up, whether anything happens then or not.
   */
  reserve(reservation: { key: string; rates: readonly Rate[]; at: Instant }, options?: Cancelable): Promise<Instant>;

  /** Throws where the storage cannot be used. For readiness. */
  check(options?: Cancelable): Promise<void>;

  close(): Promise<void>;
}
