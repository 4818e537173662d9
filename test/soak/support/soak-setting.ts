import { defaultPolicy, type Policy } from '../../../src/core/policy.ts';

export const placeNames = ['process', 'docker', 'instant'] as const;
/** `instant` is Azure: its composition on Azurite and the emulator, whose runners are processes of this machine. */
export type PlaceName = (typeof placeNames)[number];

export const variantNames = ['noFence', 'noRecovery', 'noRemoval'] as const;
/** A deliberately broken Errand: a soak that does not catch it proves nothing. */
export type VariantName = (typeof variantNames)[number];

/** What an orchestrator of the soak is told. */
export interface SoakSetting {
  place: PlaceName;
  /** Errand's data directory. */
  data: string;
  /** Where its writes of records and its log go. */
  notes: string;
  /** The engine, or Resource Manager; empty where there is neither. */
  host: string;
  /** Settings of a function app; undefined where it is no Azure. */
  azure?: Record<string, string>;
  variant?: VariantName | undefined;
}

/** What it says as soon as it takes requests. */
export interface Listening {
  url: string;
}

/** Exit code of an orchestrator that had no answer of storage at its start. As with a function app, the next one tries again. */
export const noStorage = 75;

/** Files below {@link SoakSetting.notes}. */
export const noteFiles = {
  /** A line for each time that user code began or ended, written by the user code. */
  executions: 'tally/executions',
  /** A line for each write of a record that the storage has confirmed. */
  history: 'history',
  /** What the orchestrators had to say. */
  log: 'log',
} as const;

export const logMaxBytes = 1024 * 1024;

/**
 * Times that let a killed orchestrator be missed for seconds and not for minutes. Ten starts that come to nothing are no reason to give
 * up where every other second somebody is killed.
 */
export const soakPolicy: Policy = {
  ...defaultPolicy,
  leaseMs: 3_000,
  marginMs: 3_000,
  safetyLookMs: 1_000,
  maxUncounted: 40,
  uncountedBackoffMs: 100,
  noCapacityMs: 300,
  rateMarginMs: 0,
  sweepGraceMs: 8_000,
  sweepEveryMs: 1_000,
  logMaxBytes,
};
