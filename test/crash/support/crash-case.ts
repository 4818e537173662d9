import type { Policy } from '../../../src/core/policy.ts';

/**
 * A driver with the stores that it is shipped with: `process` and `docker` on SQLite and files; `azure`, which is `azure-container-instances`, and
 * `dockerAzure` on tables, blobs and a queue. An emulator and Azurite stand in for Azure.
 */
export const driverNames = ['process', 'docker', 'azure', 'dockerAzure'] as const;
export type DriverName = (typeof driverNames)[number];

export function hasContainers(driver: DriverName): boolean {
  return driver === 'docker' || driver === 'dockerAzure';
}

export function isOnAzureStorage(driver: DriverName): driver is 'azure' | 'dockerAzure' {
  return driver === 'azure' || driver === 'dockerAzure';
}

export const scenarioNames = [
  'success',
  'retry',
  'cancelRunning',
  'cancelStarting',
  'startFailure',
  'secret',
  'slot',
  'recovery',
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export const variantNames = [
  'noFence',
  'startRepeated',
  'noCompareAndSwap',
  'deletedBeforeSaved',
  'waitTrusted',
  'putRepeated',
] as const;
/** A deliberately broken Errand: a harness that does not catch it proves nothing. */
export type VariantName = (typeof variantNames)[number];

export const faultKinds = [
  /** The process dies there. */
  'kill',
  /** It stands still there while others recover, and then goes on. */
  'stall',
  /** It dies, and the request that it had sent reaches the engine only after the others have looked. */
  'late',
  /** It goes on; the engine's answer is lost. */
  'answerLost',
  /** It dies, and when the runner has ended the platform starts it once more. */
  'reboot',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  kind: FaultKind;
  point: string;
}

export interface CrashCase {
  driver: DriverName;
  scenario: ScenarioName;
  fault?: Fault | undefined;
  variant?: VariantName | undefined;
}

/** Short enough to recover in a second, long enough for two busy cores. The grace of the sweep is longer than any create takes here. */
export const shortPolicy: Policy = {
  leaseMs: 900,
  marginMs: 500,
  safetyLookMs: 500,
  sendingMs: 2_000,
  maxUncounted: 10,
  uncountedBackoffMs: 30,
  scheduleRetryMs: 100,
  noCapacityMs: 1_000,
  rateMarginMs: 0,
  sweepGraceMs: 5_000,
  sweepEveryMs: 400,
  keepRecordsMs: 3_600_000,
  logMaxBytes: 1024 * 1024,
};

/** What a process of the harness is told. */
export interface Setting extends CrashCase {
  /** Errand's data directory. */
  data: string;
  /** Where the harness keeps what it counts by itself. */
  notes: string;
  /** The engine (on Azure: Resource Manager), as this process sees it. */
  dockerHost: string;
  /** On Azure storage: Errand's settings, and where executions are counted. */
  azure?: { environment: Record<string, string>; tally: string };
}

/** Files below {@link Setting.notes}. */
export const noteFiles = {
  /** A line for each time that user code began or ended, written by the user code. */
  executions: 'tally/executions',
  /** A line for each write of a record that the storage has confirmed. */
  history: 'history',
  /** A line for each crash point that the victim has reached, and for each answer that it has given. */
  points: 'points',
  /** What the processes had to say. */
  log: 'log',
} as const;

export function describeCase({ driver, scenario, fault, variant }: CrashCase): string {
  const broken = variant === undefined ? '' : ` [${variant}]`;
  return `${driver} ${scenario}${broken}${fault === undefined ? '' : ` ${fault.kind} at ${fault.point}`}`;
}

/** `storage.updateRun:3:before` is of the kind `storage.updateRun:before`. */
export function kindOf(point: string): string {
  return point.replace(/:\d+:/, ':');
}
