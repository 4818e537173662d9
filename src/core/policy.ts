/** Times and counts that are Errand's own, not a task's. Tests shorten them. Milliseconds unless said otherwise. */
export interface Policy {
  /** How long others leave an attempt to its creator, which renews this while it works. */
  leaseMs: number;
  /** Added to every deadline that the runner enforces itself, before the orchestrator acts: clocks differ, and results travel. */
  marginMs: number;
  /** How long others leave a webhook to whoever is sending it: longer than any sender takes. */
  sendingMs: number;
  /** How often a run under way is looked at though no event came. */
  safetyLookMs: number;
  /** Attempts under which nothing was started, before the run fails. */
  maxUncounted: number;
  /** Between such attempts: doubles each time. */
  uncountedBackoffMs: number;
  /** Until a planned time that could not be started for an outage is tried again: doubles each time, up to five minutes. */
  scheduleRetryMs: number;
  /** How long a place that had no room is left alone, where the platform does not say. */
  noCapacityMs: number;
  /** Added to the windows of a platform's rates: a request reaches it some time after the moment that was reserved, and the next one perhaps sooner. */
  rateMarginMs: number;
  /** Containers and slots without a record are left alone for this long: longer than any create. */
  sweepGraceMs: number;
  /** How often the sweep runs. */
  sweepEveryMs: number;
  /** How long ended runs are kept, with their logs, outputs and idempotency keys. */
  keepRecordsMs: number;
  /** Cap of a log, in bytes. */
  logMaxBytes: number;
}

export const defaultPolicy: Policy = {
  leaseMs: 15_000,
  marginMs: 10_000,
  sendingMs: 30_000,
  safetyLookMs: 30_000,
  maxUncounted: 5,
  uncountedBackoffMs: 1_000,
  scheduleRetryMs: 5_000,
  noCapacityMs: 60_000,
  rateMarginMs: 15_000,
  sweepGraceMs: 300_000,
  sweepEveryMs: 60_000,
  keepRecordsMs: 30 * 86_400_000,
  logMaxBytes: 64 * 1024 * 1024,
};
