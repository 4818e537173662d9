import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextMoment } from '../../src/core/reserve.ts';

const rate = fc.record({ count: fc.integer({ min: 1, max: 5 }), perMs: fc.integer({ min: 1, max: 100 }) });

test('no window of any rate ever has more than its count, and no moment could have been earlier', () => {
  fc.assert(
    fc.property(
      fc.array(rate, { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat({ max: 40 }), { maxLength: 60 }),
      (rates, pauses) => {
        const all: number[] = [];
        let now = 1_000;
        let given: number[] = [];
        const fits = (at: number) =>
          rates.every(({ count, perMs }) => all.filter((moment) => moment > at - perMs).length < count);
        for (const pause of pauses) {
          now += pause;
          const next = nextMoment(given, rates, now);
          expect(fits(next.at)).toBe(true);
          const earliest = Math.max(now, all.at(-1) ?? now);
          for (let at = earliest; at < next.at; at += 1) expect(fits(at)).toBe(false);
          all.push(next.at);
          given = next.given;
        }
      },
    ),
  );
});
