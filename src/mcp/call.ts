import type { Clock } from '../core/clock.ts';
import type { Errand } from './errand.ts';
import type { LogText } from './log-relay.ts';

/** One call of a tool, as its implementation sees it. */
export interface Call {
  errand: Errand;
  clock: Clock;
  /** Aborts when the caller has canceled the call or is gone; nobody reads the answer then. */
  signal: AbortSignal;
  /** Aborts when waiting has to end, though the answer is still read: the server is stopping. Whatever aborts `signal` aborts this too. */
  waiting: AbortSignal;
  /** Whether it was canceled, rather than that the connection broke. */
  isCanceled(): boolean;
  /** The same for this request however often it is sent, and for no other; undefined where the caller has no session. */
  key: string | undefined;
  waits: WaitBounds;
  /** What is asked of this call, in seconds; the default where nothing is asked. */
  waitSeconds: number;
  /** Says what is going on, where the caller wants to know. */
  progress(message: string): void;
  /** Passes a line of a log on, where the caller wants to see it. */
  log(runId: string, taskName: string, given: LogText): void;
  /** Tells whoever runs the server of what nobody else is told. */
  problem(error: unknown, message: string): void;
}

export interface WaitBounds {
  /** Seconds that a call waits for the end of its run where it does not say. */
  usual: number;
  longest: number;
}

/** Callers of the official client give up after 60 s where they say nothing else. */
export const usualWaitSeconds = 50;
export const longestWaitSeconds = 600;
