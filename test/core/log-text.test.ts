import fc from 'fast-check';
import { expect, test } from 'vitest';

import { toText, wholeCharacters } from '../../src/core/log-text.ts';

test('bytes cut anywhere give the same text as bytes read at once', () => {
  const anyBytes = fc.uint8Array({ maxLength: 40 });
  const anyText = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => new Uint8Array(Buffer.from(text)));
  fc.assert(
    fc.property(fc.oneof(anyBytes, anyText), fc.array(fc.integer({ min: 1, max: 7 })), (bytes, steps) => {
      let text = '';
      let start = 0;
      let available = 0;
      for (const step of [...steps, bytes.length]) {
        available = Math.min(bytes.length, available + step);
        const chunk = bytes.subarray(start, available);
        const taken = available === bytes.length ? chunk : chunk.subarray(0, wholeCharacters(chunk));
        text += toText(taken);
        start += taken.length;
      }
      expect(text).toBe(toText(bytes));
    }),
    { numRuns: 500 },
  );
});

test('no more than three bytes are ever held back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      expect(bytes.length - wholeCharacters(bytes)).toBeLessThanOrEqual(3);
    }),
  );
});

test('a byte order mark stays', () => {
  expect(toText(Buffer.from('\u{feff}a'))).toBe('\u{feff}a');
});
