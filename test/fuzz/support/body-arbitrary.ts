import fc from 'fast-check';

import { resolveSchema, type ApiDocument, type Operation, type Schema } from './api-document.ts';
import { extremeBodies } from './extreme-bodies.ts';
import type { FormedRequest, Headers } from './fuzz-request.ts';
import { anyJson, nearly, valueOf } from './json-arbitrary.ts';

const json = 'application/json';

export type Body = Pick<FormedRequest, 'body' | 'chunked'> & { headers: Headers };

/** Bodies of the media types that an operation takes: right, nearly right, wrong, none, and now and then one at the bounds. */
export function bodyOf(document: ApiDocument, bodies: Operation['bodies'], required: boolean): fc.Arbitrary<Body> {
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
