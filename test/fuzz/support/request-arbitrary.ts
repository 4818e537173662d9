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
import { bodyOf } from './body-arbitrary.ts';
import { credentials, headerText } from './credentials-arbitrary.ts';
import { escaped, type FormedRequest, type FuzzRequest, type Headers } from './fuzz-request.ts';
import { valueOf } from './json-arbitrary.ts';
import { bytes, elsewhere } from './stray-arbitrary.ts';
import { hostileTexts, knownWords, prototypeKeys, sameName } from './words.ts';

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
    { weight: 1, arbitrary: fc.constantFrom(...hostileTexts).map(escaped) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...prototypeKeys,
        '..',
        '.',
        '%2e%2e',
        '%00',
        '%',
        '%zz',
        '%c0%af',
        ';',
        '~',
        '*',
        '\\',
      ),
    },
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
  // Without the right Accept nothing else of the request would matter.
  const weight = name === 'Accept' ? 30 : 1;
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight, arbitrary: value.map((text) => [[name, text]] as const) },
  );
}

const corpus: fc.Arbitrary<FormedRequest> = fc
  .tuple(fc.constantFrom(...requestRows, ...definitionRows), credentials)
  .map(([{ method, path, headers = {}, body }, shown]) => ({
    kind: 'formed',
    method,
    target: path,
    headers: [
      ...shown,
      ...(body === undefined ? [] : [['Content-Type', 'application/json'] as const]),
      ...Object.entries(headers),
    ],
    ...(body === undefined ? {} : { body }),
  }));

/** A body may have to name what its address names. */
function named(body: string, name = 'Plain'): string {
  return body.replaceAll(sameName, () => name);
}
