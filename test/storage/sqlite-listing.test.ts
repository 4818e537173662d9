import { readFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { runStates } from '../../src/contract/run.ts';
import type { RunFilter } from '../../src/core/ports/storage.ts';
import { encodeCursor, listingQuery } from '../../src/storage/sqlite-listing.ts';
import { migrate } from '../../src/storage/sqlite-migrations.ts';
import { sampleRunId } from '../../src/testing/sample-run.ts';

const database = new DatabaseSync(':memory:');
migrate(database, ':memory:');
afterAll(() => database.close());

/** Steps of the plan that read a whole table or index, or sort more than the rows of one page. */
function expensive(sql: string, values: (string | number)[], isSortAllowed = false): string[] {
  const steps = database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...values)
    .map((step) => String(step['detail']));
  expect(steps.length).toBeGreaterThan(0);
  return steps.filter(
    (step) => /^SCAN (?:runs|labels|keys|slots|meta)\b/.test(step) || (!isSortAllowed && step.includes('TEMP B-TREE')),
  );
}

describe('a page of runs is read from an index', () => {
  const cases: [name: string, filter: RunFilter][] = [
    ['of a task', { taskName: 'StopVM' }],
    ['in a state', { states: ['failed'] }],
    ['of a task in a state', { taskName: 'StopVM', states: ['lost'] }],
    ['in several states', { states: ['failed', 'lost', 'canceled'] }],
    ['of a task in all states', { taskName: 'StopVM', states: runStates }],
    ['with a label', { labels: { team: 'ops' } }],
    [
      'with labels, of a task in several states',
      { taskName: 'StopVM', states: ['failed', 'lost'], labels: { team: 'ops', env: 'x' } },
    ],
    ['since an instant', { since: '2026-01-01T00:00:00.000Z' }],
    [
      'all at once',
      { taskName: 'A', states: ['queued', 'failed'], labels: { a: 'b' }, since: '2026-01-01T00:00:00.000Z' },
    ],
  ];
  for (const [name, filter] of cases) {
    for (const cursor of [undefined, encodeCursor(sampleRunId(1))]) {
      test(`${name}${cursor === undefined ? '' : ', from a cursor on'}`, () => {
        const { sql, values } = listingQuery(filter, { limit: 20, cursor });
        // A union of several states sorts what each of them gave: at most a page each.
        expect(expensive(sql, values as (string | number)[], (filter.states?.length ?? 0) > 1)).toEqual([]);
      });
    }
  }

  test('without a filter it walks the ids from the cursor on', () => {
    const { sql, values } = listingQuery({}, { limit: 20, cursor: encodeCursor(sampleRunId(1)) });
    expect(expensive(sql, values as (string | number)[])).toEqual([]);
  });
});

describe('every other statement', () => {
  test('finds its rows by an index', async () => {
    const sources = await Promise.all(
      ['sqlite.ts', 'sqlite-slots.ts'].map((file) => readFile(`src/storage/${file}`, 'utf8')),
    );
    const statements = sources.flatMap((source) =>
      Array.from(source.matchAll(/(['"`])((?:SELECT|UPDATE|DELETE)\b[^`]*?)\1,?/g), ([, , sql = '']) => sql),
    );
    expect(statements.length).toBeGreaterThan(15);
    const problems = statements.flatMap((sql) =>
      expensive(
        sql,
        Array.from(sql.matchAll(/\?/g), () => '1'),
      )
        // Open runs are counted in an index that holds nothing else.
        .filter((step) => !step.includes('runs_open_by_state'))
        .map((step) => `${sql}: ${step}`),
    );
    expect(problems).toEqual([]);
  });
});
