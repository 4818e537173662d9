import fc from 'fast-check';

import { requestRows } from '../../hostile/corpus.ts';
import { definitionRows } from '../../hostile/definitions.ts';
import {
  operationsOf,
  resolveSchema,
  type ApiDocument,
  type Operation,
  type Parameter,
  type Schema,
} from './api-document.ts';
import { extremeBodies } from './extreme-bodies.ts';
import { anyJson, nearly, valueOf } from './json-arbitrary.ts';
import { hostileTexts, knownWords, sameName } from './words.ts';

/** A request that is well-formed HTTP: it must be answered. */
export interface FormedRequest {
  kind: 'formed';
  method: string;
  target: string;
  headers: readonly (readonly [name: string, value: string])[];
  body?: string | Uint8Array;
  /** Sends the body without saying its length first. */
  chunked?: boolean;
}

/** Bytes that may be no HTTP at all. Whether they are answered is the server's choice. */
export interface RawRequest {
  kind: 'bytes';
  bytes: Uint8Array;
}

export type FuzzRequest = FormedRequest | RawRequest;

type Headers = FormedRequest['headers'];

const json = 'application/json';

/** What a header value may hold, with the letters of Latin-1. */
const headerText = fc.stringMatching(/^[\x21-\x7e\xa0-\xff]{1,40}$/);

const credentials: fc.Arbitrary<Headers> = fc.oneof(
  { weight: 24, arbitrary: fc.constant([['Authorization', 'Bearer @key@']] as const) },
  { weight: 6, arbitrary: fc.constant([['X-Api-Key', '@key@']] as const) },
  { weight: 2, arbitrary: fc.constant([['X-Api-Key', '@limited@']] as const) },
  { weight: 1, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc
      .oneof(
        headerText,
        fc.constantFrom(0, 1, 2, 95, 96, 97, 255, 4_096, 12_000).map((length) => 'k'.repeat(length)),
        fc.constantFrom('@key@x', 'errand_', 'errand__', 'errand_0_0', 'errand_constructor_x', 'Bearer @key@'),
      )
      .map((key) => [['X-Api-Key', key]] as const),
  },
);

const surroundings: fc.Arbitrary<Headers> = fc.oneof(
  { weight: 10, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('evil.example', 'localhost.evil.example', '[::1]:1', '')
      .map((host) => [['Host', host]] as const),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('http://evil.example', 'null').map((origin) => [['Origin', origin]] as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('X-Request-Id', 'Accept', 'If-None-Match', 'Cookie', 'X-Forwarded-For'), headerText)
      .map((pair) => [pair]),
  },
);

/** Requests for every operation of the document, good ones and bad ones, the corpora, and bytes. */
export function requestArbitrary(document: ApiDocument): fc.Arbitrary<FuzzRequest> {
  // The more an operation takes, the more there is to get wrong.
  const operations = operationsOf(document).map((operation) => ({
    weight: 1 + operation.parameters.length + 4 * Object.keys(operation.bodies).length,
    arbitrary: forOperation(document, operation),
  }));
  return fc.oneof(
    { weight: 40, arbitrary: fc.oneof(...operations) },
    { weight: 5, arbitrary: corpus },
    { weight: 3, arbitrary: elsewhere(document) },
    { weight: 3, arbitrary: bytes },
  );
}

function forOperation(
  document: ApiDocument,
  { method, path, parameters, bodies, bodyRequired }: Operation,
): fc.Arbitrary<FormedRequest> {
  const within = (place: Parameter['in']) => parameters.filter((parameter) => parameter.in === place);
  return fc
    .record({
      parts: fc.tuple(...within('path').map((parameter) => pathPart(document, parameter))),
      query: queryText(document, within('query')),
      headers: fc.tuple(...within('header').map((parameter) => headerOf(document, parameter))),
      credentials,
      surroundings,
      body: bodyOf(document, bodies, bodyRequired),
    })
    .map(({ parts, query, headers, body, ...more }) => {
      const names = within('path').map(({ name }) => name);
      const target = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts[names.indexOf(name)] ?? '');
      return {
        kind: 'formed',
        method,
        target: target + query,
        ...body,
        ...(typeof body.body === 'string' ? { body: named(body.body, parts[names.indexOf('name')]) } : {}),
        headers: [...more.credentials, ...more.surroundings, ...headers.flat(), ...body.headers],
      };
    });
}

function pathPart(document: ApiDocument, { name, schema }: Parameter): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: known(document, `path:${name}`, schema) },
    { weight: 1, arbitrary: fc.constantFrom(...hostileTexts).map((text) => escaped(text)) },
    { weight: 1, arbitrary: fc.constantFrom('..', '.', '%2e%2e', '%00', '%', '%zz', '%c0%af', ';', '~', '*', '\\') },
  );
}

/** The words of the dictionary as they are, since they hold placeholders; anything else escaped. */
function known(document: ApiDocument, name: string, schema: Schema): fc.Arbitrary<string> {
  const words = Object.hasOwn(knownWords, name) ? knownWords[name] : undefined;
  const made = valueOf(document, schema).map((value) => escaped(String(value)));
  return words === undefined
    ? made
    : fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...words.map(String)) }, { weight: 1, arbitrary: made });
}

function queryText(document: ApiDocument, parameters: readonly Parameter[]): fc.Arbitrary<string> {
  const good = parameters.map(({ name, schema }) => {
    const resolved = resolveSchema(document, schema);
    const one = resolved['type'] === 'array' ? ((resolved['items'] ?? {}) as Schema) : resolved;
    const value = fc.oneof(
      { weight: 5, arbitrary: known(document, `query:${name}`, one) },
      { weight: 1, arbitrary: valueOf(document, one, { edges: true }).map((each) => escaped(String(each))) },
      { weight: 1, arbitrary: fc.constantFrom(...hostileTexts).map(escaped) },
    );
    return value.map((text) => `${name}=${text}`);
  });
  const strange = fc.oneof(
    fc.constantFrom(
      'unknown=1',
      '__proto__=x',
      'constructor[x]=1',
      '%',
      '&&',
      '=',
      '%ff=%ff',
      'limit',
      `${'a'.repeat(4_000)}=1`,
    ),
    fc
      .tuple(fc.constantFrom(...hostileTexts), fc.constantFrom(...hostileTexts))
      .map(([name, value]) => `${escaped(name)}=${escaped(value)}`),
  );
  if (good.length === 0)
    return fc.oneof(
      { weight: 12, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: strange.map((text) => `?${text}`) },
    );
  const some = fc.array(fc.oneof({ weight: 12, arbitrary: fc.oneof(...good) }, { weight: 1, arbitrary: strange }), {
    minLength: 1,
    maxLength: 3,
  });
  return fc.oneof(
    fc.constant(''),
    some.map((pairs) => `?${pairs.join('&')}`),
  );
}

function headerOf(document: ApiDocument, { name, schema }: Parameter): fc.Arbitrary<Headers> {
  const value = fc.oneof(
    { weight: 3, arbitrary: known(document, `header:${name}`, schema) },
    { weight: 1, arbitrary: headerText },
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: value.map((text) => [[name, text]] as const) },
  );
}

type Body = Pick<FormedRequest, 'body' | 'chunked'> & { headers: Headers };

function bodyOf(document: ApiDocument, bodies: Operation['bodies'], required: boolean): fc.Arbitrary<Body> {
  const none: fc.Arbitrary<Body> = fc.constant({ headers: [] });
  const made = Object.entries(bodies).map(([type, { schema }]) =>
    type.startsWith('multipart/') ? formOf(document, schema) : jsonOf(document, type, schema),
  );
  const strange = strangeBody.map((body): Body => ({ body, headers: [['Content-Type', json]] }));
  if (made.length === 0) return fc.oneof({ weight: 12, arbitrary: none }, { weight: 1, arbitrary: strange });
  return fc.oneof(
    { weight: 100, arbitrary: fc.oneof(...made) },
    { weight: required ? 5 : 30, arbitrary: none },
    { weight: 15, arbitrary: strange },
    {
      weight: 5,
      arbitrary: fc
        .tuple(
          strangeBody,
          fc.constantFrom('text/plain', 'application/xml', 'application/json; charset=utf-16', 'json', ';', ''),
        )
        .map(([body, type]): Body => ({ body, headers: [['Content-Type', type]] })),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(...extremeBodies)
        .map(({ body, headers, chunked }): Body => ({ body: body(), headers, chunked })),
    },
  );
}

function jsonOf(document: ApiDocument, type: string, schema: Schema): fc.Arbitrary<Body> {
  const valid = valueOf(document, schema);
  const value = fc.oneof(
    { weight: 6, arbitrary: valid },
    { weight: 2, arbitrary: valueOf(document, schema, { edges: true }) },
    { weight: 5, arbitrary: nearly(valid) },
    { weight: 1, arbitrary: anyJson },
  );
  const text = value.map((each) => JSON.stringify(each));
  return fc
    .tuple(fc.oneof({ weight: 12, arbitrary: text }, { weight: 1, arbitrary: misspelt(text) }), fc.nat(12))
    .map(([body, odd]): Body => ({ body, headers: [['Content-Type', type]], chunked: odd === 12 }));
}

/** JSON as somebody writes it who does not know how, or knows how others read it. */
function misspelt(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const slips = [
    ',',
    '}',
    ']',
    '"',
    '\\',
    '\u0000',
    '\ufeff',
    '//',
    "'",
    '{"a":1}',
    '"taskName":"Plain",',
    '"__proto__":{},',
    '1e999',
    '\ud800',
  ];
  return fc
    .tuple(text, fc.nat(400), fc.constantFrom(...slips), fc.constantFrom('insert', 'cut', 'repeat'))
    .map(([whole, place, slip, how]) => {
      const at = place % (whole.length + 1);
      if (how === 'cut') return whole.slice(0, at);
      return how === 'repeat' ? whole + whole : whole.slice(0, at) + slip + whole.slice(at);
    });
}

function formOf(document: ApiDocument, schema: Schema): fc.Arbitrary<Body> {
  const fields = Object.entries((resolveSchema(document, schema)['properties'] ?? {}) as Record<string, Schema>);
  const parts = fields.map(([name, each]) => {
    const isBinary = resolveSchema(document, each)['format'] === 'binary';
    const content = isBinary
      ? fc.constantFrom('#!/bin/sh\nexit 0\n', '', '\u0000', 'x'.repeat(10_000))
      : fc.oneof(valueOf(document, each), nearly(valueOf(document, each))).map((value) => JSON.stringify(value));
    return content.map((text) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`);
  });
  const strange = fc.constantFrom(
    '--b\r\n',
    '--b\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\n1\r\n',
    '--b--',
    '\r\n\r\n',
    '--b',
  );
  return fc
    .tuple(
      fc.array(fc.oneof({ weight: 8, arbitrary: fc.oneof(...parts) }, { weight: 1, arbitrary: strange }), {
        maxLength: 4,
      }),
      fc.tuple(...parts),
      fc.boolean(),
    )
    .map(([some, all, isWhole]): Body => ({
      body: `${(isWhole ? all : some).join('')}--b--\r\n`,
      headers: [['Content-Type', 'multipart/form-data; boundary=b']],
    }));
}

const strangeBody: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc.constantFrom('', '{', 'null', '[]', '42', '"x"', '{}', '{"__proto__":{"x":1}}', '\ufeff{}'),
  misspelt(anyJson.map((value) => JSON.stringify(value))),
  fc.uint8Array({ maxLength: 60 }),
);

const corpus: fc.Arbitrary<FormedRequest> = fc
  .tuple(fc.constantFrom(...requestRows, ...definitionRows), credentials)
  .map(([{ method, path, headers = {}, body }, shown]) => ({
    kind: 'formed',
    method,
    target: path,
    headers: [...shown, ...(body === undefined ? [] : [['Content-Type', json] as const]), ...Object.entries(headers)],
    ...(body === undefined ? {} : { body }),
  }));

/** Methods and addresses that no operation has. */
function elsewhere(document: ApiDocument): fc.Arbitrary<FormedRequest> {
  const segment = fc.oneof(
    fc.constantFrom(
      'api',
      'runs',
      'tasks',
      'logs',
      'schema',
      'plan',
      '..',
      '.',
      '',
      '%2f',
      '%00',
      '@ended@',
      'Plain',
      '.git',
      'healthz',
    ),
    fc.constantFrom(...hostileTexts).map(escaped),
  );
  const address = fc.oneof(
    fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`),
    fc.constantFrom(...Object.keys(document.paths)).map((path) => path.replaceAll(/\{\w+\}/g, 'Plain')),
  );
  return fc
    .tuple(
      fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE'),
      address,
      credentials,
    )
    .map(([method, target, headers]) => ({ kind: 'formed', method, target, headers }));
}

const bytes: fc.Arbitrary<RawRequest> = fc
  .oneof(
    fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)),
    fc
      .record({
        method: fc.constantFrom('GET', 'POST', 'get', 'G T', '', 'CONNECT', 'PRI', 'GET'.repeat(500), 'PO\u0000ST'),
        target: fc.constantFrom(
          '/healthz',
          '*',
          '',
          '/ /',
          'http://evil.example/healthz',
          '//',
          '/\u0000',
          `/${'a'.repeat(20_000)}`,
          '/api/runs',
          '\\',
          'evil:443',
        ),
        version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'http/1.1', ''),
        headers: fc.subarray([
          'Host: localhost',
          'Host: evil.example',
          'Content-Length: 5',
          'Content-Length: 6',
          'Content-Length: -1',
          'Content-Length: 99999999999999999999',
          'Transfer-Encoding: chunked',
          'Transfer-Encoding: gzip, chunked',
          'Transfer-Encoding:\tchunked',
          'Content-Type: application/json',
          'Expect: 100-continue',
          'Expect: the unexpected',
          'Upgrade: h2c',
          'Connection: Upgrade, HTTP2-Settings',
          'Authorization: Bearer @key@',
          ' folded: x',
          'no colon',
          ': no name',
          'na me: x',
          'X: \u0000',
          'X: a\rb',
          `X: ${'y'.repeat(20_000)}`,
          ...Array.from({ length: 3 }, () => 'X-Many: 1\r\n'.repeat(1_500)),
        ]),
        ends: fc.constantFrom('\r\n', '\n', '\r'),
        body: fc.constantFrom(
          '',
          'hello',
          '5\r\nhello\r\n0\r\n\r\n',
          'zz\r\n',
          '{}',
          'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
        ),
      })
      .map(({ method, target, version, headers, ends, body }) =>
        Buffer.from(`${method} ${target} ${version}${ends}${headers.join(ends)}${ends}${ends}${body}`, 'latin1'),
      ),
  )
  .map((raw) => ({ kind: 'bytes', bytes: raw }));

/** A body may have to name what its address names. */
function named(body: string, name = 'Plain'): string {
  return body.replaceAll(sameName, () => name);
}

/** Half a surrogate pair has no escape of its own: it is sent as what stands for it. */
function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
