import type { Client, RunQuery } from '../../src/client/client.ts';
import { isTerminal, terminalStates, type RunState } from '../../src/contract/run-states.ts';
import type { RunView } from '../../src/contract/run.ts';
import { newKey } from './new-key.ts';

export type BulkKind = 'cancel' | 'rerun';

/** As many as one question is about. */
export const mostRuns = 1_000;
const pageSize = 200;
const atOnce = 4;
const openStates = ['queued', 'starting', 'running'] as const;

/** The runs that a filter finds and that this can be done with, newest first. */
export async function findRuns(
  client: Client,
  kind: BulkKind,
  query: RunQuery,
  signal: AbortSignal,
): Promise<{ runs: RunView[]; more: boolean }> {
  const possible: readonly RunState[] = kind === 'cancel' ? openStates : terminalStates;
  const asked = query.states ?? [];
  const states = asked.length === 0 ? possible : asked.filter((state) => (kind === 'rerun') === isTerminal(state));
  if (states.length === 0) return { runs: [], more: false };
  const runs: RunView[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.list({ ...query, states, limit: pageSize, cursor }, { signal });
    runs.push(...page.runs);
    cursor = page.cursor;
  } while (cursor !== undefined && runs.length < mostRuns);
  return { runs: runs.slice(0, mostRuns), more: cursor !== undefined || runs.length > mostRuns };
}

/** A few at a time; what fails does not keep the others from being done. After `signal` no further one is begun. */
export async function doForAll(
  client: Client,
  kind: BulkKind,
  runs: readonly RunView[],
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<{ done: number; failures: unknown[] }> {
  const left = [...runs];
  const failures: unknown[] = [];
  let done = 0;
  async function work(): Promise<void> {
    for (let run = left.shift(); run !== undefined && !signal.aborted; run = left.shift()) {
      try {
        if (kind === 'cancel') await client.cancel(run.id);
        else await client.rerun(run.id, {}, { idempotencyKey: newKey() });
        done += 1;
      } catch (error) {
        failures.push(error);
      }
      onProgress(done + failures.length);
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work));
  return { done, failures };
}
