import { join } from 'node:path';
import { runIdPattern } from '../contract/names.ts';
import type { AttemptRef } from '../core/ports/artifact-store.ts';

export interface ExchangePaths {
  /** Of the host alone, mode 0700. */
  attempt: string;
  /** What the runner sees as `/errand`, mode 0777: anything may be in it, and its names are flat. */
  box: string;
  /** What the host has to remember of the plan. */
  plan: string;
  /** The fence as it was when the box was discarded. */
  fence: string;
  /** Nothing is ever opened under this attempt again. */
  discarded: string;
  /** Of each fence that an orchestrator has written, a name made of its hash: a task that forges one has no such file. */
  seizure(hash: string): string;
  /** What outlives the container. */
  run: string;
  collected: string;
}

export function exchangePaths(directory: string, { runId, attempt }: AttemptRef): ExchangePaths {
  checkRunId(runId);
  if (!Number.isSafeInteger(attempt) || attempt < 1) throw new TypeError(`${attempt} is no number of an attempt`);
  const ours = join(directory, 'exchanges', runId, String(attempt));
  const run = join(directory, 'runs', runId);
  return {
    attempt: ours,
    box: join(ours, 'box'),
    plan: join(ours, 'plan.json'),
    fence: join(ours, 'fence'),
    discarded: join(ours, 'discarded'),
    seizure: (hash) => join(ours, `seizure-${hash}`),
    run,
    collected: join(run, String(attempt)),
  };
}

export function checkRunId(runId: string): void {
  if (!runIdPattern.test(runId)) throw new TypeError(`${JSON.stringify(runId)} is no id of a run`);
}
