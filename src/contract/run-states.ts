/** Words that a run is told by. They stand apart from the schemas, so that a browser has them without zod. */
export const runStates = [
  'queued',
  'starting',
  'running',
  'succeeded',
  'failed',
  'timedOut',
  'canceled',
  'expired',
  'lost',
] as const;
export type RunState = (typeof runStates)[number];

export const terminalStates = ['succeeded', 'failed', 'timedOut', 'canceled', 'expired', 'lost'] as const;
export type TerminalState = (typeof terminalStates)[number];

export function isTerminal(state: RunState): state is TerminalState {
  return (terminalStates as readonly RunState[]).includes(state);
}

/** Why a run or an attempt ended as it did. Finer than the state, stable for programs. */
export const endReasons = [
  'completed',
  'exitCode',
  'signal',
  'outOfMemory',
  'runTimeout',
  'totalTimeout',
  'queueTimeout',
  'startTimeout',
  'canceled',
  'imageUnavailable',
  'startError',
  'nameConflict',
  'secretUnavailable',
  'executableUnavailable',
  'missingUtility',
  'fetchFailed',
  'checksumMismatch',
  'badInterpreter',
  'identityUnavailable',
  'exitedEarly',
  'nothingStarted',
  'noCapacity',
  'vanished',
  'noResult',
  'invalidResult',
] as const;
export type EndReason = (typeof endReasons)[number];
