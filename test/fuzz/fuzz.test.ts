import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { openApiDocument } from '../../src/http/openapi.ts';
import { operationsOf, type ApiDocument } from './support/api-document.ts';
import type { Variant } from './support/broken-servers.ts';
import { closingLine, fuzzRun, type FuzzRun } from './support/fuzz-run.ts';
import { requestArbitrary } from './support/request-arbitrary.ts';

const minute = 60_000;
const random = Math.floor(Math.random() * 2 ** 30);

describe('20,000 requests', () => {
  const runs: FuzzRun[] = [];
  const operations = operationsOf(openApiDocument('', { hasKeys: true }) as ApiDocument);

  beforeAll(async () => {
    for (const hasKeys of [true, false])
      runs.push(await fuzzRun({ hasKeys, requests: 10_000, seed: random, lanes: 16 }));
    process.stdout.write(`${closingLine(runs)}\n`);
  }, 20 * minute);

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
      expect(steady.sent).toBeGreaterThan(100);
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

describe('the fuzz finds', () => {
  const small = { requests: 3_000, seed: random, lanes: 4, stopsAtFirst: true };
  const found = async (variant: Variant, hasKeys = false, patienceMs = 20_000): Promise<FuzzRun> =>
    fuzzRun({ ...small, hasKeys, variant, patienceMs });

  test(
    'a look-up that knows names which objects have by themselves, and says how to see it again',
    async () => {
      const { figures, breaches } = await found('prototypeLookup');
      expect(breaches.join('\n')).toContain('it is a 500');
      const [failure] = figures.failures;
      if (failure === undefined) throw new Error('there is no failure');
      // Nothing but the name is left of what was sent.
      expect(failure.request).toMatch(/\/api\/(?:tasks\/(?:constructor|toString|hasOwnProperty|valueOf)\b|runs )/);
      const again = await fuzzRun({
        ...small,
        hasKeys: false,
        variant: 'prototypeLookup',
        seed: failure.seed,
        path: failure.path,
      });
      expect(again.figures.failures.map(({ request }) => request)).toEqual([failure.request]);
      expect(again.figures.sent).toBe(1);
    },
    5 * minute,
  );

  test(
    'a pattern that one value can stop the server with',
    async () => {
      const { steady, breaches } = await found('hostPatterns', true, 4_000);
      expect(breaches.join('\n')).toContain('it was not answered');
      expect(steady.answered).toBeLessThan(steady.sent);
      expect(steady.problems.join()).toContain('no answer');
    },
    5 * minute,
  );

  test.each<[what: string, variant: Variant, says: RegExp]>([
    ['a field that is not as documented', 'undocumentedField', /its body is not as documented: .*requestedBy/],
    [
      'a status that is not documented',
      'undocumentedStatus',
      /cancelRun answers 412, which its document does not have/,
    ],
    ['an error that tells where the server lives', 'leakyError', /it shows what is nobody's business/],
    ['a container for a request that is refused', 'startsWhatItRefuses', /a container was asked for, for 0{26}/],
    ['a server that dies', 'dies', /the server is gone: it ended with 1: [^]*nobody waits for this/],
    ['a server that keeps what it was sent', 'keepsBodies', /the heap has grown from/],
  ])(
    '%s',
    async (_, variant, says) => {
      expect((await found(variant, true)).breaches.join('\n')).toMatch(says);
    },
    5 * minute,
  );
});

test('an operation that is new in the document is asked for, rightly and wrongly, without anything being done', () => {
  const document = openApiDocument('', { hasKeys: true }) as ApiDocument;
  const schema = {
    type: 'object',
    properties: { size: { type: 'integer', minimum: 1, maximum: 9 } },
    required: ['size'],
    additionalProperties: false,
  };
  document.paths['/api/things/{thing}'] = {
    post: {
      operationId: 'makeThing',
      parameters: [{ name: 'thing', in: 'path', required: true, schema: { type: 'string', pattern: '^[a-z]{3}$' } }],
      requestBody: { required: true, content: { 'application/json': { schema } } },
      responses: {},
    },
  };
  const sent = fc.sample(requestArbitrary(document), { seed: random, numRuns: 4_000 });
  const things = sent.flatMap((request) =>
    request.kind === 'formed' && request.method === 'POST' && /^\/api\/things\/[a-z]{3}$/.test(request.target)
      ? [String(request.body)]
      : [],
  );
  expect(things.filter((body) => /^\{"size":[1-9]\}$/.test(body)).length).toBeGreaterThan(10);
  expect(things).toContain('{"size":0}');
  expect(things).toContain('{"size":10}');
  expect(things.some((body) => body.includes('__proto__'))).toBe(true);
});
