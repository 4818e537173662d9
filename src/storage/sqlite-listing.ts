import type { SQLInputValue } from 'node:sqlite';
import { encodeTime } from 'ulid';
import { ErrandError } from '../contract/errors.ts';
import { runIdPattern } from '../contract/names.ts';
import { runStates } from '../contract/run.ts';
import { fromInstant } from '../core/clock.ts';
import type { RunFilter } from '../core/ports/storage.ts';

export interface Query {
  sql: string;
  values: SQLInputValue[];
}

/** Sorts after every run id. */
const afterAllIds = '~';

/**
 * One page of runs, newest first, as a query that walks an index from the cursor on and stops at `limit`. With labels, the first of them
 * chooses the index. Several states are a union of one walk each: `state IN (…)` would sort all runs in these states for every page.
 */
export function listingQuery(filter: RunFilter, page: { limit: number; cursor?: string | undefined }): Query {
  const before = page.cursor === undefined ? afterAllIds : decodeCursor(page.cursor);
  const since = filter.since === undefined ? '' : smallestId(filter.since);
  const labels = Object.entries(filter.labels ?? {});
  const states =
    filter.states === undefined ? [undefined] : runStates.filter((state) => filter.states?.includes(state));
  if (states.length === 0) return { sql: 'SELECT record FROM runs WHERE id IS NULL LIMIT ?', values: [page.limit] };

  const walks = states.map((state) => walk(filter.taskName, state, labels, { before, since, limit: page.limit }));
  const [only] = walks;
  if (walks.length === 1 && only !== undefined) return { sql: `SELECT record FROM (${only.sql})`, values: only.values };
  return {
    sql: `SELECT record FROM (${walks.map(({ sql }) => `SELECT * FROM (${sql})`).join(' UNION ALL ')}) ORDER BY id DESC LIMIT ?`,
    values: [...walks.flatMap(({ values }) => values), page.limit],
  };
}

function walk(
  task: string | undefined,
  state: string | undefined,
  labels: [string, string][],
  { before, since, limit }: { before: string; since: string; limit: number },
): Query {
  const [first, ...others] = labels;
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  const add = (condition: string, ...given: SQLInputValue[]): void => {
    conditions.push(condition);
    values.push(...given);
  };
  // CROSS JOIN keeps SQLite from driving by runs; INDEXED BY keeps it from filtering one index by hand where another fits exactly.
  const source =
    first === undefined
      ? `runs${index(task !== undefined, state !== undefined)}`
      : 'labels CROSS JOIN runs ON runs.id = labels.run_id';
  const id = first === undefined ? 'runs.id' : 'labels.run_id';
  if (first !== undefined) add('labels.name = ? AND labels.value = ?', ...first);
  if (task !== undefined) add('runs.task = ?', task);
  if (state !== undefined) add('runs.state = ?', state);
  add(`${id} < ? AND ${id} >= ?`, before, since);
  for (const other of others) {
    add(
      'EXISTS (SELECT 1 FROM labels AS other WHERE other.name = ? AND other.value = ? AND other.run_id = runs.id)',
      ...other,
    );
  }
  values.push(limit);
  return {
    sql: `SELECT runs.id, runs.record FROM ${source} WHERE ${conditions.join(' AND ')} ORDER BY ${id} DESC LIMIT ?`,
    values,
  };
}

function index(byTask: boolean, byState: boolean): string {
  if (byTask && byState) return ' INDEXED BY runs_by_task_state';
  if (byTask) return ' INDEXED BY runs_by_task';
  return byState ? ' INDEXED BY runs_by_state' : '';
}

/** Ids begin with their time (https://github.com/ulid/spec), so that an instant is a range of ids. */
function smallestId(since: string): string {
  const ms = fromInstant(since);
  if (Number.isNaN(ms))
    throw new ErrandError('invalidRequest', `${since} is no instant; write it as 2026-01-31T12:00:00Z.`);
  return ms <= 0 ? '' : encodeTime(ms, 10).toLowerCase();
}

export function encodeCursor(lastId: string): string {
  return Buffer.from(lastId).toString('base64url');
}

function decodeCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!runIdPattern.test(id))
    throw new ErrandError(
      'invalidRequest',
      'The cursor is not one of ours. Give the cursor of an earlier page, unchanged, or none.',
    );
  return id;
}
