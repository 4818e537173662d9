import { describe, expect, test } from 'vitest';

import { ErrandApiError } from '../../src/client/client.ts';
import { readLogPart } from '../../src/mcp/log-part.ts';

const { signal } = new AbortController();

/** A log of this content, answered as the API does. */
function errandOf(content: string) {
  const bytes = new TextEncoder().encode(content);
  return {
    log: async (_id: string, { range = '' }: { range?: string | undefined } = {}) => {
      const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
      const start = first === '' ? Math.max(0, bytes.length - Number(last)) : Number(first);
      const end = first === '' ? bytes.length : Math.min(bytes.length, Number(last) + 1);
      const details = { code: 'rangeNotSatisfiable' } as NonNullable<ErrandApiError['details']>;
      if (start >= bytes.length) throw new ErrandApiError(416, details, undefined);
      const headers = { 'Content-Range': `bytes ${start}-${end - 1}/${bytes.length}` };
      return new Response(bytes.subarray(start, end), { status: 206, headers });
    },
  };
}

describe('a part of a log', () => {
  test.each([
    ['all of a short one', 'abc', { bytes: 10 }, { text: 'abc', start: 0, end: 3, size: 3 }],
    ['the end of a long one', 'abcdef', { bytes: 2 }, { text: 'ef', start: 4, end: 6, size: 6 }],
    ['from the middle on', 'abcdef', { offset: 1, bytes: 3 }, { text: 'bcd', start: 1, end: 4, size: 6 }],
    ['an end that begins within a character', 'a€€', { bytes: 5 }, { text: '€', start: 4, end: 7, size: 7 }],
    ['one that ends within a character', 'a€€', { offset: 0, bytes: 6 }, { text: 'a€', start: 0, end: 4, size: 7 }],
    ['nothing', '', { bytes: 4 }, { text: '', start: 0, end: 0, size: 0 }],
    ['at the end', 'abc', { offset: 3, bytes: 4 }, { text: '', start: 3, end: 3, size: 3 }],
    ['beyond the end', 'abc', { offset: 9, bytes: 4 }, { text: '', start: 3, end: 3, size: 3 }],
    ['beyond the end of nothing', '', { offset: 9, bytes: 4 }, { text: '', start: 0, end: 0, size: 0 }],
  ])('%s', async (_, content, asked, expected) => {
    expect(await readLogPart(errandOf(content), 'r', asked, signal)).toEqual(expected);
  });

  test('parts put together are the log', async () => {
    const content = 'a€😀b'.repeat(50);
    const errand = errandOf(content);
    let text = '';
    for (let offset = 0; ;) {
      const part = await readLogPart(errand, 'r', { offset, bytes: 7 }, signal);
      if (part.text === '') break;
      text += part.text;
      offset = part.end;
    }
    expect(text).toBe(content);
  });
});
