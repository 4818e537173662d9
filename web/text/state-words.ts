import type { RunState } from '../../src/contract/run-states.ts';

/** How a state is called on the page. */
export const stateWords: Readonly<Record<RunState, string>> = {
  queued: 'queued',
  starting: 'starting',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'timed out',
  canceled: 'canceled',
  expired: 'expired',
  lost: 'lost',
};
