import type { Cancelable } from './storage.ts';

export interface WakeUp {
  runId: string;
  wakeId: string;
}

/**
 * Which run to look at, and when. Delivers at least once, never before its time, in any order. A wake-up may be lost with the
 * process that holds it: the sweep looks after runs whose wake-up is overdue.
 */
export interface WorkQueue {
  /** `at` in milliseconds since the epoch. Durable, where the queue is, when it resolves. None replaces another, not even of the same run: which is valid, the record says. */
  schedule(wakeUp: WakeUp, at: number, options?: Cancelable): Promise<void>;

  /** Calls the handler for each wake-up that is due, several at a time, until closed. A handler that throws gets the wake-up again later. Its signal is aborted where it outlasts the patience of `close`. */
  consume(handler: (wakeUp: WakeUp, options: { signal: AbortSignal }) => Promise<void>): void;

  /** Takes no further wake-up and waits for the handlers under way. */
  close(): Promise<void>;
}
