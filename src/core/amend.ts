import { ErrandError } from '../contract/errors.ts';
import type { Storage } from './ports/storage.ts';
import type { RunRecord } from './run-record.ts';

const tries = 50;

/** The record as its next version, marked as this writer's. */
export function nextVersion<R extends RunRecord>(run: R, operationId: string): R {
  return { ...run, version: run.version + 1, operationId };
}

/**
 * Changes a record by compare-and-swap, again and again until nobody was faster. `change` is pure and returns undefined where there is nothing to
 * change. Answers with the record as it then is; undefined where there is none.
 */
export async function amend(
  storage: Storage,
  id: string,
  newId: () => string,
  change: (run: RunRecord) => RunRecord | undefined,
  signal?: AbortSignal,
): Promise<RunRecord | undefined> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const run = await storage.getRun(id, { signal });
    if (run === undefined) return undefined;
    const changed = change(run);
    if (changed === undefined) return run;
    const next = nextVersion(changed, newId());
    if (await storage.updateRun(next, { signal })) return next;
  }
  throw new ErrandError('storageBusy', `run ${id} is being changed by others all the time: try again`, {
    runId: id,
    retryAfterSeconds: 1,
  });
}
