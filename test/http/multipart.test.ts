import fc from 'fast-check';
import { expect, test } from 'vitest';

import { multipartForm } from '../../src/http/multipart.ts';

function parts(body: string, contentType = 'multipart/form-data; boundary=b'): string[] | undefined {
  return multipartForm(Buffer.from(body, 'latin1'), contentType)?.map(
    ({ name, content }) => `${name}=${Buffer.from(content).toString('latin1')}`,
  );
}

const part = (name: string, content: string): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`;

test('what a form of the platform holds is what is read', async () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .string({ unit: fc.constantFrom('\r', '\n', '-', '--', 'a', '\r\n--') })
      .map((text) => new Uint8Array(Buffer.from(text))),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z0-9 ;=.-]{1,12}$/), content), { maxLength: 4 }),
      async (given) => {
        const form = new FormData();
        for (const [name, bytes] of given) form.append(name, new Blob([new Uint8Array(bytes)]), 'file "name";.bin');
        const written = new Response(form);
        const read = multipartForm(Buffer.from(await written.arrayBuffer()), written.headers.get('content-type') ?? '');
        expect(read?.map((each) => [each.name, Buffer.from(each.content).toString('hex')])).toEqual(
          given.map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')]),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('forms as curl and browsers write them, and with everything that the standard allows', () => {
  expect(parts(`${part('a', '1')}${part('c', '')}--b--\r\n`)).toEqual(['a=1', 'c=']);
  expect(parts(`preamble\r\n${part('a', '1')}--b--\r\nepilogue`)).toEqual(['a=1']);
  expect(
    parts('--b  \r\ncontent-disposition:form-data;name=a\r\nContent-Type: text/plain\r\n\r\n--x--b\r\n--b--'),
  ).toEqual(['a=--x--b']);
  expect(parts(`${part('a', '1')}--b--`, 'Multipart/Form-Data; charset=utf-8; Boundary="b"')).toEqual(['a=1']);
  expect(parts('--b--')).toEqual([]);
});

test.each([
  ['', undefined],
  ['--b', undefined],
  ['--b\r\n', undefined],
  [part('a', '1'), undefined],
  ['--b\r\nContent-Disposition: form-data; name="a"\r\n', undefined],
  ['--b\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--b--', undefined],
  ['--b\r\n\r\n1\r\n--b--', undefined],
  [`--b\r\nX: ${'x'.repeat(9000)}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--`, undefined],
  [`${part('a', '1').repeat(102)}--b--`, undefined],
])('%j is no form', (body, expected) => {
  expect(parts(body)).toEqual(expected);
});

test.each([
  'multipart/form-data',
  'multipart/form-data; boundary=',
  `multipart/form-data; boundary=${'b'.repeat(71)}x`,
  'multipart/form-data; boundary=""',
])('%s names no boundary of this body', (contentType) => {
  expect(parts(`${part('a', '1')}--b--`, contentType)).toBeUndefined();
});

test('bytes of any kind never throw', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('--b', '\r\n', '--', 'Content-Disposition: form-data; name="a"', 'x', ':', '"', ';')),
      (pieces) => {
        expect(() => parts(pieces.join(''))).not.toThrow();
      },
    ),
    { numRuns: 1000 },
  );
});
