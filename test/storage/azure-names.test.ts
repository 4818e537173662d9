import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTime, encodeTime } from 'ulid';
import { dayOf, encodedName, inverted, runKey, shardOf, shards, smallestId } from '../../src/storage/azure-names.ts';
import { asciiJson, joinedPieces, textPieces } from '../../src/storage/azure-texts.ts';
import { sampleRunId } from '../../src/testing/sample-run.ts';

const id = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 45 }), fc.stringMatching(/^[0-9a-hjkmnp-tv-z]{16}$/))
  .map(([time, random]) => encodeTime(time, 10).toLowerCase() + random);

describe('keys of a run', () => {
  test('sort newest first, and tell the id again', () => {
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(inverted(inverted(a))).toBe(a);
        const [keyA, keyB] = [runKey(a), runKey(b)];
        expect(Math.sign(compare(inverted(a), inverted(b)))).toBe(-Math.sign(compare(a, b)));
        if (dayOf(a) !== dayOf(b)) {
          expect(compare(keyA?.partitionKey ?? '', keyB?.partitionKey ?? '')).toBe(-compare(a, b));
        }
        expect(Number(dayOf(a))).toBe(99_999_999 - Math.floor(decodeTime(a.toUpperCase()) / 86_400_000));
      }),
    );
  });

  test('spread over the shards', () => {
    const counts = Array.from({ length: shards }, () => 0);
    for (let number = 0; number < 4_000; number += 1) {
      const shard = shardOf(sampleRunId(number));
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(700);
  });

  test('the smallest id of an instant is before all others of it', () => {
    fc.assert(
      fc.property(id, (any) => {
        const time = decodeTime(any.toUpperCase());
        expect(smallestId(time) <= any && any < smallestId(time + 1)).toBe(true);
      }),
    );
  });
});

test('encoded names differ where texts do, and fit keys and properties', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80, unit: 'binary' }), fc.string({ maxLength: 80, unit: 'binary' }), (a, b) => {
      expect(encodedName(a)).toMatch(/^[A-Za-z0-9_]{0,240}$/);
      expect(encodedName(a) === encodedName(b)).toBe(a === b);
    }),
  );
});

test('values are written so that they may be cut anywhere', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 31_990, max: 64_010 }), (end, length) => {
      const value = { text: 'a'.repeat(length) + end };
      const text = asciiJson(value);
      expect(text).toMatch(/^[\u0020-\u007f]*$/);
      const pieces = textPieces(text);
      for (const piece of Object.values(pieces)) expect(piece.length).toBeLessThanOrEqual(32_768);
      expect(JSON.parse(joinedPieces({ ...pieces, etag: '' }))).toEqual(value);
    }),
    { numRuns: 30 },
  );
});

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
