import { createHash } from 'node:crypto';
import { instant, systemClock } from '../core/clock.ts';
import type { ArtifactStore, AttemptRef, ExchangePlan, RunnerAccess } from '../core/ports/artifact-store.ts';
import { sampleEpoch, sampleRunId } from './sample-run.ts';

/** What a runner does to its exchange, as the store of this harness has it done. */
export interface RunnerHands {
  takeFence(text: string): Promise<void>;
  /** Adds to the log. */
  log(text: string): Promise<void>;
  output(text: string): Promise<void>;
  file(name: string, text: string): Promise<void>;
  result(text: string): Promise<void>;
}

export interface ArtifactStoreHarness {
  /** Empty. */
  store: ArtifactStore;
  /** Another one on the same data, as a second process has it. */
  second: ArtifactStore;
  /** The hands of a runner that was given this access. */
  runner(access: RunnerAccess): RunnerHands;
  dispose(): Promise<void>;
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');
export const sampleAttempt = (number: number, attempt = 1): AttemptRef => ({ runId: sampleRunId(number), attempt });
export const sampleInstant = (seconds: number): string => instant(sampleEpoch + seconds * 1000);

/** A plan for an executable of this name and text. */
export function samplePlan(name: string, text: string, changes: Partial<ExchangePlan> = {}): ExchangePlan {
  return {
    taskName: 'StopVM',
    executable: { name, sha256: sha256Of(text), etag: '', kept: `kept-${name}` },
    view: 'mounted',
    runSeconds: 60,
    graceSeconds: 5,
    logMaxBytes: 1024 * 1024,
    waitForIdentity: false,
    allowUnfenced: false,
    environment: { VMName: 'vm-1' },
    secretNames: [],
    ...changes,
  };
}

/** Pushes an executable and opens an exchange for it. */
export async function openSample(
  store: ArtifactStore,
  attempt: AttemptRef,
  changes: Partial<ExchangePlan> = {},
): Promise<RunnerAccess> {
  const text = `#!/bin/sh\n# ${attempt.runId} ${attempt.attempt}\n`;
  const name = `sample-${attempt.runId.slice(-3)}.sh`;
  await store.put(name, bytesOf(text));
  const described = await store.describe(name);
  const plan = samplePlan(name, text, changes);
  return store.exchange(attempt).open({ ...plan, executable: { ...plan.executable, etag: described?.etag ?? '' } });
}

/** Waits until it is so; the test's own time limit ends it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await systemClock.sleep(10);
}
