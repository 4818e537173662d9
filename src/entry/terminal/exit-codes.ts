import type { TerminalState } from '../../contract/run.ts';

/** What `errand` itself exits with. A followed run passes on the exit code of its task, which may be any of 0 to 255. */
export const exitCodes = {
  done: 0,
  /** The command line, request, definition or key was refused: nothing was started. */
  refused: 120,
  lost: 121,
  /** The run took longer than it may, or waited longer than it may. */
  timedOut: 122,
  canceled: 123,
  /** The run failed without an exit code: its task did not start. */
  notStarted: 124,
  /** No server, or one that could not do what it should. */
  unavailable: 125,
  interrupted: 130,
} as const;

/** What `run --wait` and `run --follow` exit with when the run has ended. */
export function exitCodeOf(run: { state: TerminalState; exitCode?: number | undefined }): number {
  switch (run.state) {
    case 'succeeded':
      return exitCodes.done;
    case 'failed':
      return run.exitCode ?? exitCodes.notStarted;
    case 'timedOut':
    case 'expired':
      return exitCodes.timedOut;
    case 'canceled':
      return exitCodes.canceled;
    case 'lost':
      return exitCodes.lost;
  }
}

/** As `errand run --help` shows them. */
export const exitCodeHelp = [
  ['0 to 255', "the task's own exit code"],
  ['120', 'refused: command line, request, definition or key; nothing was started'],
  ['121', 'lost: nobody knows how the task ended'],
  ['122', 'timed out, or expired while it waited'],
  ['123', 'canceled'],
  ['124', 'failed before the task started: no exit code'],
  ['125', 'no server, or a failure of the server'],
  ['130', 'interrupted here; the run goes on'],
] as const;
