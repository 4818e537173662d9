import fc from 'fast-check';

import type { ApiDocument } from './api-document.ts';
import { credentials } from './credentials-arbitrary.ts';
import { escaped, type FormedRequest, type RawRequest } from './fuzz-request.ts';
import { hostileTexts } from './words.ts';

/** Methods and addresses that no operation has. */
export function elsewhere(document: ApiDocument): fc.Arbitrary<FormedRequest> {
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

/** What is hardly HTTP, or none. */
export const bytes: fc.Arbitrary<RawRequest> = fc
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
