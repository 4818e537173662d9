import type { Storage } from '../../src/core/ports/storage.ts';
import type { RunRecord } from '../../src/core/run-record.ts';

/** Every record, newest first. */
export async function allRuns(storage: Pick<Storage, 'listRuns'>): Promise<RunRecord[]> {
  const all: RunRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await storage.listRuns({}, { limit: 100, cursor });
    all.push(...page.runs);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return all;
}
