import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ErrorCode } from '../../src/contract/errors.ts';
import { routes, scopes, type Route } from '../../src/contract/routes.ts';
import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import type { RouteName } from '../../src/http/handlers.ts';
import { openApiDocument } from '../../src/http/openapi.ts';
import { createClient } from '../../src/client/client.ts';
import { call, type Answer } from '../e2e/door.ts';
import { serverHarness, type ServerHarness } from '../http/support/server-harness.ts';
import { answerJudge } from './support/answer-judge.ts';
import { operationsOf, type ApiDocument } from './support/api-document.ts';
import { documentedAnswers, targetOf, type DocumentedAnswer } from './support/documented-answers.ts';
import { failingGround } from './support/failing-ground.ts';
import { prepare, type Fixtures } from './support/fixtures.ts';
import { prismProxy, type PrismProxy } from './support/prism-proxy.ts';
import { quickRunner } from './support/quick-runner.ts';
import { rawClient } from './support/raw-client.ts';
import { withStandIns } from './support/stand-ins.ts';

const document = openApiDocument('0.0.0', { hasKeys: true }) as ApiDocument;
const keyless = openApiDocument('0.0.0', { hasKeys: false }) as ApiDocument;
const operations = operationsOf(document).map((operation) => ({ ...operation, id: operation.id as RouteName }));

/** Mistakes of Errand's own, which these have no occasion for: they read nothing that could fail, or tell it within their answer. */
const unprovoked = ['healthz 500', 'mcp 500', 'openapi 500', 'whoami 500'];

const all = newApiKey({ name: 'all', scopes: [...scopes] });
const limited = newApiKey({ name: 'limited', scopes: [...scopes], tasks: ['Plain'] });
const lacking = new Map(
  scopes.map((scope) => [scope, newApiKey({ name: 'lacking', scopes: scopes.filter((each) => each !== scope) })]),
);

const ground = failingGround();
const closing = new AbortController();
let server: ServerHarness;
let open: ServerHarness;
let fixtures: Fixtures;
/** Lets only requests through that the document allows. */
let strict: PrismProxy;
let lenient: PrismProxy;
let openProxy: PrismProxy;

beforeAll(async () => {
  const { driver } = quickRunner();
  const keys = apiKeys([all, limited, ...lacking.values()].map(({ entry }) => entry));
  server = await serverHarness({
    decorate: (context) => ground.decorate(withStandIns(context, driver)),
    // A proxy passes on what has ended.
    app: { keys, closing: closing.signal, streamSeconds: 1 },
    server: { headersMs: 1_000 },
  });
  open = await serverHarness();
  [strict, lenient, openProxy] = await Promise.all([
    prismProxy(document, server.url, { judgesRequests: true }),
    prismProxy(document, server.url, { judgesRequests: false }),
    prismProxy(keyless, open.url, { judgesRequests: false }),
  ]);
  fixtures = await prepare(createClient({ url: server.url, apiKey: all.key }));
  await writeFile(join(server.directory, 'tasks', 'Broken.json'), '{');
});
afterAll(async () => {
  await Promise.all([strict, lenient, openProxy].map((proxy) => proxy.dispose()));
  await Promise.all([server.dispose(), open.dispose()]);
});

/** Asks through a proxy. The answer is the server's own, and prism has nothing to say against it. */
async function judged(
  proxy: PrismProxy,
  { operation, status, ...asked }: DocumentedAnswer,
  key: string | undefined,
): Promise<Answer> {
  const { method, path }: Route = routes[operation];
  const headers = { ...(key === undefined ? {} : { 'X-Api-Key': key }), ...asked.headers };
  const isJson = typeof asked.body === 'object';
  const answer = await call(proxy.url, targetOf(path, asked, fixtures), {
    method: method.toUpperCase(),
    headers: { ...(isJson ? { 'Content-Type': 'application/json' } : {}), ...headers },
    ...(asked.body === undefined ? {} : { body: asked.body }),
  });
  expect({
    status: answer.status,
    violations: answer.headers.get('sl-violations'),
    ...(answer.status === status ? {} : { text: answer.text.slice(0, 2_000) }),
  }).toEqual({ status, violations: null });
  expect(answer.headers.get('x-request-id')).toMatch(/./);
  return answer;
}

const right = new Map(
  documentedAnswers.filter(({ status }) => status < 300).map((row) => [row.operation, row] as const),
);
const rightly = (id: RouteName): DocumentedAnswer => {
  const row = right.get(id);
  if (row === undefined) throw new Error(`nothing is known that ${id} does`);
  return row;
};

const has = (status: number) => operations.filter(({ answers }) => String(status) in answers);
const failures: readonly (readonly [status: number, code: ErrorCode])[] = [
  [500, 'storageCorrupt'],
  [503, 'storageUnavailable'],
  [507, 'storageFull'],
];

describe('prism finds that the server does as its document says', () => {
  test.each(
    documentedAnswers.map((row) => [row.operation, row.status, row.query ?? row.id ?? row.name ?? '', row] as const),
  )('%s %i %s', async (_, status, __, row) => {
    const proxy = status < 300 && row.isForm !== true ? strict : lenient;
    await judged(proxy, row, row.isLimited === true ? limited.key : all.key);
  });

  test.each(has(401).map(({ id }) => id))('%s 401, with a key that there is not', async (id) => {
    await judged(lenient, { ...rightly(id), status: 401 }, 'errand_none');
  });

  test.each(has(403).map(({ id }) => id))('%s 403, with a key that lacks its scope', async (id) => {
    const { scope }: Route = routes[id];
    const key = scope === undefined || scope === 'any' ? undefined : lacking.get(scope)?.key;
    await judged(lenient, { ...rightly(id), status: 403 }, key);
  });

  test.each(operationsOf(keyless).map(({ id }) => id as RouteName))(
    '%s 403, without keys from a foreign page',
    async (id) => {
      const { headers, ...row } = rightly(id);
      await judged(
        openProxy,
        { ...row, headers: { ...headers, Origin: 'https://evil.example' }, status: 403 },
        undefined,
      );
    },
  );

  test.each(failures.flatMap(([status, code]) => has(507).map(({ id }) => [id, status, code] as const)))(
    '%s %i, where its ground fails with %s',
    async (id, status, code) => {
      ground.fail(code);
      try {
        const { json } = await judged(lenient, { ...rightly(id), status }, all.key);
        expect(json).toMatchObject({ code });
      } finally {
        ground.fail(undefined);
      }
    },
  );
});

test('mcp tells within its answer that its ground fails', async () => {
  ground.fail('storageUnavailable');
  try {
    const { json } = await judged(strict, rightly('mcp'), all.key);
    expect(json).toMatchObject({ jsonrpc: '2.0', error: { code: expect.any(Number) as number } });
  } finally {
    ground.fail(undefined);
  }
});

describe('what no proxy passes on is answered as the document says too', () => {
  const heads: readonly (readonly [status: number, head: string])[] = [
    [400, 'Host: no host\r\n\r\n'],
    [408, 'Host: localhost\r\nX-Slow: '],
    [431, `Host: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
  ];
  const { judge } = answerJudge(document);

  test.each(heads)('%i', async (status, head) => {
    await Promise.all(
      operations.map(async ({ method, path }) => {
        const client = rawClient(server.url);
        const target = targetOf(path, {}, fixtures);
        const sent = await client.send({
          bytes: [`${method} ${target} HTTP/1.1\r\n${head}`],
          method,
          patienceMs: 30_000,
        });
        client.close();
        if (sent.kind !== 'answered') throw new Error(`${method} ${target} is ${sent.kind}`);
        expect([target, sent.answer.status, judge(method, target, sent.answer)]).toEqual([target, status, undefined]);
      }),
    );
  });
});

describe('prism finds', () => {
  test('an answer that is not as documented', async () => {
    const wrong = structuredClone(document);
    wrong.components.schemas['Status'] = { type: 'object', required: ['mood'] };
    const proxy = await prismProxy(wrong, server.url, { judgesRequests: true });
    const answer = await call(proxy.url, '/healthz');
    await proxy.dispose();
    expect([answer.status, answer.text]).toEqual([500, expect.stringContaining("required property 'mood'")]);
  });

  test('a status that is not documented', async () => {
    const wrong = structuredClone(document);
    delete (wrong.paths['/api/runs/{id}']?.['get']?.responses as Record<string, unknown> | undefined)?.['404'];
    const proxy = await prismProxy(wrong, server.url, { judgesRequests: false });
    const answer = await call(proxy.url, `/api/runs/${'0'.repeat(26)}`, { headers: { 'X-Api-Key': all.key } });
    await proxy.dispose();
    expect(answer.headers.get('sl-violations')).toContain('Unable to match the returned status code');
  });
});

test('a server that stops answers each operation with 503', async () => {
  closing.abort();
  for (const { id } of has(503)) {
    const { json } = await judged(lenient, { ...rightly(id), status: 503 }, all.key);
    expect(json).toMatchObject({ code: 'shuttingDown' });
  }
});

test('no answer of the document is left out', () => {
  const documented = operations.flatMap(({ id, answers }) => Object.keys(answers).map((status) => `${id} ${status}`));
  const provoked = new Set([
    ...documentedAnswers.map(({ operation, status }) => `${operation} ${status}`),
    ...[400, 401, 403, 408, 431, 503].flatMap((status) => has(status).map(({ id }) => `${id} ${status}`)),
    ...has(507).flatMap(({ id }) => failures.map(([status]) => `${id} ${status}`)),
  ]);
  expect(documented.filter((each) => !provoked.has(each)).toSorted()).toEqual(unprovoked);
  expect([...provoked].filter((each) => !documented.includes(each))).toEqual([]);
});
