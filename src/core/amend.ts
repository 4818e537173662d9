import { ErrandError } from '../contract/errors.ts';
import type { Storage } from './ports/storage.ts';
import type { RunRecord } from './run-record.ts';

const tries = 50;

/** The record as its next version, marked as this writer's. */
export function nextVersion<R extends RunRecord>(run: R, operationId: string): R {
  return { ...run, version: run.version + 1, operationId };
}

/** How a record is read and written by compare-and-swap. */
export interface Swap<R> {
  /** For messages: `run 01…`. */
  what: string;
  runId?: string;
  read(): Promise<R | undefined>;
  /** False where somebody was faster. */
  write(changed: R, before: R | undefined): Promise<boolean>;
}

/**
 * Changes a record by compare-and-swap, again and again until nobody was faster. `change` is pure and returns undefined where there is nothing to
 * change. Answers with what was written, or else with what is there.
 */
export async function swapped<R>(
  { what, runId, read, write }: Swap<R>,
  change: (record: R | undefined) => R | undefined,
): Promise<R | undefined> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const record = await read();
    const changed = change(record);
    if (changed === undefined) return record;
    if (await write(changed, record)) return changed;
  }
  throw new ErrandError('storageBusy', `${what} is being changed by others all the time: try again`, {
    ...(runId === undefined ? {} : { runId }),
    retryAfterSeconds: 1,
  });
}

/** Changes the record of a run as {@link swapped} does, and gives it its next version. Undefined where there is none. */
export function amend(
  storage: Storage,
  id: string,
  newId: () => string,
  change: (run: RunRecord) => RunRecord | undefined,
  signal?: AbortSignal,
): Promise<RunRecord | undefined> {
  return swapped<RunRecord>(
    {
      what: `run ${id}`,
      runId: id,
      read: () => storage.getRun(id, { signal }),
      write: (next) => storage.updateRun(next, { signal }),
    },
    (run) => {
      const changed = run === undefined ? undefined : change(run);
      return changed === undefined ? undefined : nextVersion(changed, newId());
    },
  );
}
