import { expect, test } from 'vitest';

import { openApiDocument } from '../../src/http/openapi.ts';
import { answerJudge } from './support/answer-judge.ts';
import type { ApiDocument } from './support/api-document.ts';

const { operationOf } = answerJudge(openApiDocument('', { hasKeys: true }) as ApiDocument);

test.each([
  ['GET', '/healthz', 'healthz'],
  ['GET', '/healthz?deep=1', 'healthz'],
  ['GET', '/api/x/../runs/1', 'getRun'],
  ['POST', '/api/runs/%2F/cancel', 'cancelRun'],
  ['GET', '//host/healthz', undefined],
  ['GET', '//healthz', undefined],
  ['GET', '/api/runs/', undefined],
  ['PATCH', '/healthz', undefined],
])('%s %s is for %s', (method, target, operation) => {
  expect(operationOf(method, target)?.id).toBe(operation);
});
