import fc from 'fast-check';
import { expect, test } from 'vitest';

import { openApiDocument } from '../../src/http/openapi.ts';
import type { ApiDocument } from './support/api-document.ts';
import { requestArbitrary } from './support/request-arbitrary.ts';

test('an operation that is new in the document is asked for, rightly and wrongly, without anything being done', () => {
  const document = openApiDocument('', { hasKeys: true }) as ApiDocument;
  const schema = {
    type: 'object',
    properties: { size: { type: 'integer', minimum: 1, maximum: 9 } },
    required: ['size'],
    additionalProperties: false,
  };
  // Alone, so that it is asked for as often however many others there are.
  document.paths = {};
  document.paths['/api/things/{thing}'] = {
    post: {
      operationId: 'makeThing',
      parameters: [{ name: 'thing', in: 'path', required: true, schema: { type: 'string', pattern: '^[a-z]{3}$' } }],
      requestBody: { required: true, content: { 'application/json': { schema } } },
      responses: {},
    },
  };
  const sent = fc.sample(requestArbitrary(document), { seed: 1, numRuns: 4_000 });
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
