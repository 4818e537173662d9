import { fromInstant, instant } from '../core/clock.ts';
import { sampleEpoch } from './sample-run.ts';
import type { StorageHarness } from './storage-conformance.ts';
import type { TestApi } from './test-api.ts';

/** The part of the storage's suite that is about rates: moments that a platform allows, given out once each. */
export function reservationConformance(
  { test, expect }: TestApi,
  fresh: (body: (harness: StorageHarness) => Promise<void>) => () => Promise<void>,
): void {
  const rates = [
    { count: 5, perMs: 60_000 },
    { count: 2, perMs: 1_000 },
  ];

  test(
    'gives out the moments that the rates allow, in order, also to many at once',
    fresh(async ({ storage, second }) => {
      const at = instant(sampleEpoch);
      const given = await Promise.all(
        Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? storage : second).reserve({ key: 'creates', rates, at })),
      );
      const offsets = given.map((moment) => fromInstant(moment) - sampleEpoch).toSorted((a, b) => a - b);
      expect(offsets).toEqual([0, 0, 1000, 1000, 2000, 60_000, 60_000, 61_000, 61_000, 62_000, 120_000, 120_000]);
      expect(await storage.reserve({ key: 'deletes', rates, at })).toBe(at);
      const later = instant(sampleEpoch + 500_000);
      expect(await storage.reserve({ key: 'creates', rates, at: later })).toBe(later);
    }),
  );
}
