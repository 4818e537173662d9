import { beforeAll, describe, expect, test } from 'vitest';

import { openApiDocument } from '../../src/http/openapi.ts';
import { operationsOf, type ApiDocument } from './support/api-document.ts';
import { closingLine, fuzzRun, type FuzzRun } from './support/fuzz-run.ts';

const minute = 60_000;
/** The same requests each time: those that are new each time are for `npm run fuzz`. */
const seed = 20_000;

describe('20,000 requests', () => {
  let runs: FuzzRun[];
  const operations = operationsOf(openApiDocument('', { hasKeys: true }) as ApiDocument);

  beforeAll(async () => {
    runs = await Promise.all(
      [true, false].map((hasKeys) =>
        fuzzRun({ hasKeys, requests: 10_000, seed: seed + (hasKeys ? 0 : 100), lanes: 8 }),
      ),
    );
    process.stdout.write(`${closingLine(runs)}\n`);
  }, 10 * minute);

  test('are each answered as the OpenAPI document says, and leave nothing behind', () => {
    expect(runs.flatMap(({ breaches }) => breaches)).toEqual([]);
    for (const { figures, crashes, containers } of runs) {
      expect(figures.sent).toBeGreaterThanOrEqual(10_000);
      expect({ crashes, containers, serverErrors: figures.serverErrors }).toEqual({
        crashes: 0,
        containers: 0,
        serverErrors: 0,
      });
      // Runs that may start have been asked for too: else it would mean little that no other was.
      expect(figures.heard.size).toBeGreaterThan(50);
      expect(figures.unanswered).toBeLessThan(figures.sent / 50);
    }
  });

  test('do not disturb somebody who asks for something else', () => {
    for (const { steady } of runs) {
      expect(steady.sent).toBeGreaterThan(50);
      expect(steady).toMatchObject({ answered: steady.sent, problems: [] });
      expect(steady.gapMs).toBeLessThan(10_000);
    }
  });

  test.each(operations.map(({ id }) => id))('%s was both done and refused', (id) => {
    const statuses = runs.flatMap(({ figures }) => [...(figures.statuses.get(id) ?? new Map<number, number>()).keys()]);
    expect(statuses.filter((status) => status < 300)).not.toEqual([]);
    expect(statuses.filter((status) => status >= 400)).not.toEqual([]);
  });
});
