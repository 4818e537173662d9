import { ErrandError } from '../contract/errors.ts';
import { runIdPattern } from '../contract/names.ts';
import { runStates } from '../contract/run.ts';
import { fromInstant } from '../core/clock.ts';
import type { Cancelable, RunFilter } from '../core/ports/storage.ts';
import type { RunRecord } from '../core/run-record.ts';
import { dayOf, inverted, partitionOf, quoted, shards, smallestId } from './azure-names.ts';
import type { StoredEntity, Table } from './azure-table.ts';
import { labelProperty, type Records } from './azure-tables-records.ts';

/** The service takes 15 comparisons in a filter (https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities); keys need up to 4 of them. */
const comparisons = 11;

/** Sorts after the shards of a day. */
const afterShards = '~';

/**
 * One page of runs, newest first: the shards of a day are merged, a little of each at a time, then the next day follows that has any run which the filter wants.
 * Empty days, and days without such a run, cost one request together.
 */
export async function listedRuns(
  table: Table,
  records: Records,
  filter: RunFilter,
  page: { limit: number; cursor?: string | undefined },
  options: Cancelable,
): Promise<{ runs: RunRecord[]; cursor?: string }> {
  const cursor = page.cursor === undefined ? undefined : decodedCursor(page.cursor);
  const oldest = filter.since === undefined ? undefined : smallestId(sinceMs(filter.since));
  if (filter.states?.length === 0) return { runs: [] };
  const conditions = [
    ...(cursor === undefined ? [] : [`RowKey gt ${quoted(inverted(cursor))}`]),
    ...(oldest === undefined ? [] : [`RowKey le ${quoted(inverted(oldest))}`]),
    ...filterConditions(filter),
  ];
  const walk = { table, conditions, options };

  const found: RunRecord[] = [];
  let day = cursor === undefined ? await nextDay(walk, undefined, oldest) : dayOf(cursor);
  while (day !== undefined) {
    const wanted = (): number => page.limit + 1 - found.length;
    for await (const entity of mergedDay(walk, day, wanted())) {
      const run =
        (await records.parse(entity, options)) ?? (await records.get(inverted(String(entity['rowKey'])), options));
      if (run !== undefined && isWanted(run, filter)) found.push(run);
      if (wanted() <= 0) break;
    }
    if (wanted() <= 0) break;
    day = await nextDay(walk, day, oldest);
  }
  const runs = found.slice(0, page.limit);
  const last = runs.at(-1);
  return found.length > page.limit && last !== undefined ? { runs, cursor: encodedCursor(last.id) } : { runs };
}

interface Walk {
  table: Table;
  conditions: readonly string[];
  options: Cancelable;
}

/** The newest day after this one, backwards in time, that has a run which the conditions want. */
async function nextDay(
  { table, conditions, options }: Walk,
  day: string | undefined,
  oldest: string | undefined,
): Promise<string | undefined> {
  const range = [
    `PartitionKey gt ${quoted(day === undefined ? '' : partitionOf(day, 0).slice(0, -1) + afterShards)}`,
    ...(oldest === undefined ? [] : [`PartitionKey lt ${quoted(`${dayOf(oldest)}-${afterShards}`)}`]),
  ];
  const pages = table.pages([...range, ...conditions].join(' and '), {
    ...options,
    select: ['PartitionKey'],
    pageSize: 1,
  });
  for await (const [first] of pages) if (first !== undefined) return String(first['partitionKey']).slice(0, 8);
  return undefined;
}

/** The runs of a day, newest first. `wanted` says how many of them are likely to be asked for. */
async function* mergedDay(
  { table, conditions, options }: Walk,
  day: string,
  wanted: number,
): AsyncGenerator<StoredEntity, void, undefined> {
  const pageSize = Math.ceil(wanted / shards) + 1;
  const walks = Array.from({ length: shards }, (_, shard) => {
    const filter = [`PartitionKey eq ${quoted(partitionOf(day, shard))}`, ...conditions].join(' and ');
    return entities(table.pages(filter, { ...options, pageSize }));
  });
  const heads = await Promise.all(walks.map(async (walk) => ({ walk, next: await walk.next() })));
  for (;;) {
    let newest: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (head.next.done !== true && (newest === undefined || rowKey(head.next) < rowKey(newest.next))) newest = head;
    }
    if (newest === undefined || newest.next.done === true) return;
    yield newest.next.value;
    newest.next = await newest.walk.next();
  }
}

async function* entities(pages: AsyncIterable<StoredEntity[]>): AsyncGenerator<StoredEntity, void, undefined> {
  for await (const page of pages) yield* page;
}

function rowKey(next: IteratorResult<StoredEntity, void>): string {
  return next.done === true ? '' : String(next.value['rowKey']);
}

/** As much of the filter as the service takes. The rest is for {@link isWanted}. */
function filterConditions({ taskName, states, labels = {} }: RunFilter): string[] {
  const conditions = [
    ...(taskName === undefined ? [] : [`task eq ${quoted(taskName)}`]),
    ...(states === undefined ? [] : stateConditions(states)),
  ];
  const spent = conditions.join(' ').split("'").length >> 1;
  const left = Math.max(comparisons - spent, 0);
  for (const [name, value] of Object.entries(labels).slice(0, left))
    conditions.push(`${labelProperty(name)} eq ${quoted(value)}`);
  return conditions;
}

/** Most states are said more shortly by those which are not wanted. */
function stateConditions(states: readonly string[]): string[] {
  const wanted = runStates.filter((state) => states.includes(state));
  const others = runStates.filter((state) => !states.includes(state));
  if (others.length < wanted.length) return others.map((state) => `state ne ${quoted(state)}`);
  return [`(${wanted.map((state) => `state eq ${quoted(state)}`).join(' or ')})`];
}

function isWanted(run: RunRecord, { taskName, states, labels = {} }: RunFilter): boolean {
  if (taskName !== undefined && run.taskName !== taskName) return false;
  if (states !== undefined && !states.includes(run.state)) return false;
  return Object.entries(labels).every(([label, value]) => run.labels[label] === value);
}

function sinceMs(since: string): number {
  const ms = fromInstant(since);
  if (Number.isNaN(ms))
    throw new ErrandError('invalidRequest', `${since} is no instant; write it as 2026-01-31T12:00:00Z.`);
  return ms;
}

function encodedCursor(lastId: string): string {
  return Buffer.from(lastId).toString('base64url');
}

function decodedCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!runIdPattern.test(id))
    throw new ErrandError(
      'invalidRequest',
      'The cursor is not one of ours. Give the cursor of an earlier page, unchanged, or none.',
    );
  return id;
}
