import { instant } from '../core/clock.ts';
import { sampleEpoch } from './sample-run.ts';
import type { StorageHarness } from './storage-conformance.ts';
import type { PropertyTestApi } from './test-api.ts';

const at = (seconds: number): string => instant(sampleEpoch + seconds * 1000);

/** The part of the storage's suite that is about slots: a queue with a limit, first come, first served. */
export function slotConformance(
  { test, expect, fc }: PropertyTestApi,
  fresh: (body: (harness: StorageHarness) => Promise<void>) => () => Promise<void>,
  propertyRuns: number,
): void {
  test(
    'lets holders in up to the limit, and the others wait in the order of their coming',
    fresh(async ({ storage, second }) => {
      const take = (holder: string, since: number) => storage.takeSlot({ key: 'k', holder, limit: 2, at: at(since) });
      expect(await take('a', 1)).toEqual({ held: true, position: 0 });
      expect(await take('b', 2)).toEqual({ held: true, position: 0 });
      expect(await take('c', 3)).toEqual({ held: false, position: 0 });
      expect(await take('d', 4)).toEqual({ held: false, position: 1 });
      expect(await take('a', 9)).toEqual({ held: true, position: 0 });
      expect(await second.releaseSlot('k', 'a')).toBe('c');
      // Neither a newcomer nor one whose clock is slow gets before those who wait.
      expect(await take('e', 5)).toEqual({ held: false, position: 2 });
      expect(await take('f', 0)).toEqual({ held: false, position: 3 });
      expect(await take('d', 4)).toEqual({ held: false, position: 1 });
      expect(await take('c', 3)).toEqual({ held: true, position: 0 });
      expect(await second.slotQueue('k')).toEqual([
        { key: 'k', holder: 'b', held: true, since: at(2) },
        { key: 'k', holder: 'c', held: true, since: at(3) },
        { key: 'k', holder: 'd', held: false, since: at(4) },
        { key: 'k', holder: 'e', held: false, since: at(5) },
        { key: 'k', holder: 'f', held: false, since: at(0) },
      ]);
      expect(await storage.slotQueue('other')).toEqual([]);
    }),
  );

  test(
    'counts units, and lets nobody small overtake somebody large',
    fresh(async ({ storage, second }) => {
      const take = (holder: string, units: number) =>
        storage.takeSlot({ key: 'k', holder, limit: 10, at: at(1), units });
      expect(await take('four', 4)).toMatchObject({ held: true });
      expect(await take('six', 6)).toMatchObject({ held: true });
      expect(await take('eight', 8)).toEqual({ held: false, position: 0 });
      expect(await take('one', 1)).toEqual({ held: false, position: 1 });
      expect(await second.releaseSlot('k', 'four')).toBeUndefined();
      expect(await take('one', 1)).toEqual({ held: false, position: 1 });
      expect(await second.releaseSlot('k', 'six')).toBe('one');
      expect(await take('eight', 8)).toMatchObject({ held: true });
      expect(await take('one', 1)).toMatchObject({ held: true });
    }),
  );

  test(
    'names a waiter for each place that comes free, so that none sleeps on',
    fresh(async ({ storage }) => {
      for (const [index, holder] of ['a', 'b', 'c', 'd'].entries()) {
        await storage.takeSlot({ key: 'k', holder, limit: 2, at: at(index) });
      }
      expect(await storage.releaseSlot('k', 'a')).toBe('c');
      expect(await storage.releaseSlot('k', 'b')).toBe('d');
      expect(await storage.releaseSlot('k', 'nobody')).toBe('d');
      for (const holder of ['c', 'd']) {
        expect(await storage.takeSlot({ key: 'k', holder, limit: 2, at: at(9) })).toMatchObject({ held: true });
      }
      expect(await storage.releaseSlot('k', 'c')).toBeUndefined();
    }),
  );

  test(
    'keeps the limit and the order among many at once',
    fresh(async ({ storage, second }) => {
      const holders = Array.from({ length: 30 }, (_, number) => `holder ${number}`);
      const answers = await Promise.all(
        holders.map((holder, n) =>
          (n % 2 === 0 ? storage : second).takeSlot({ key: 'k', holder, limit: 3, at: at(1) }),
        ),
      );
      expect(answers.filter(({ held }) => held)).toHaveLength(3);
      const waiting = (await storage.slotQueue('k')).filter(({ held }) => !held).map(({ holder }) => holder);
      expect(waiting).toHaveLength(27);
      for (const next of waiting) {
        const holding = (await storage.slotQueue('k')).filter(({ held }) => held);
        expect(holding).toHaveLength(3);
        expect(await storage.releaseSlot('k', holding[0]?.holder ?? '')).toBe(next);
        const late = waiting.indexOf(next) + 1;
        const [tooEarly, inTurn] = await Promise.all([
          late < waiting.length
            ? second.takeSlot({ key: 'k', holder: waiting[late] ?? '', limit: 3, at: at(1) })
            : { held: false },
          storage.takeSlot({ key: 'k', holder: next, limit: 3, at: at(1) }),
        ]);
        expect([tooEarly.held, inTurn.held]).toEqual([false, true]);
      }
    }),
  );

  test(
    'is a queue, whatever is done in whatever order',
    fresh(async ({ storage, second }) => {
      const command = fc.record({
        kind: fc.constantFrom('take', 'take', 'release'),
        holder: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        slow: fc.integer({ min: 0, max: 5 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(command, { maxLength: 25 }),
          fc.integer({ min: 1, max: 3 }),
          async (commands, limit) => {
            let queue: { holder: string; held: boolean; since: string }[] = [];
            for (const [index, { kind, holder, slow }] of commands.entries()) {
              const mine = index % 2 === 0 ? storage : second;
              if (kind === 'take') {
                const known = queue.find((entry) => entry.holder === holder) ?? {
                  holder,
                  held: false,
                  since: at(index - slow),
                };
                if (!queue.includes(known)) queue.push(known);
                const position = queue.filter(({ held }) => !held).indexOf(known);
                known.held ||= queue.filter(({ held }) => held).length + position < limit;
                const answer = await mine.takeSlot({ key: 'k', holder, limit, at: at(index - slow) });
                expect(answer).toEqual({ held: known.held, position: known.held ? 0 : position });
              } else {
                queue = queue.filter((entry) => entry.holder !== holder);
                const waiting = queue.filter(({ held }) => !held);
                const free = limit - (queue.length - waiting.length);
                const called = waiting.slice(0, Math.max(free, 0)).at(-1)?.holder;
                expect(await mine.releaseSlot('k', holder)).toBe(called);
              }
            }
            const inOrder = [...queue.filter(({ held }) => held), ...queue.filter(({ held }) => !held)];
            const stored = await storage.slotQueue('k');
            expect(stored.filter(({ held }) => held).length).toBeLessThanOrEqual(limit);
            expect(stored.map(({ holder, held, since }) => ({ holder, held, since })).toSorted(byHolder)).toEqual(
              inOrder.toSorted(byHolder),
            );
            expect(stored.filter(({ held }) => !held).map(({ holder }) => holder)).toEqual(
              inOrder.filter(({ held }) => !held).map(({ holder }) => holder),
            );
            for (const { holder } of queue) await storage.releaseSlot('k', holder);
          },
        ),
        { numRuns: propertyRuns },
      );
    }),
  );

  test(
    'shows the sweep all entries older than an instant, in pages',
    fresh(async ({ storage }) => {
      for (let number = 0; number < 9; number += 1) {
        await storage.takeSlot({ key: `k${number % 3}`, holder: `holder ${number}`, limit: 1, at: at(number) });
      }
      const seen: string[] = [];
      for (let after: { key: string; holder: string } | undefined, more = true; more;) {
        const page = await storage.slotEntries({ before: at(7), limit: 2, ...(after === undefined ? {} : { after }) });
        seen.push(...page.map(({ key, holder }) => `${key} ${holder}`));
        after = page.at(-1);
        more = page.length > 0;
      }
      expect(seen.toSorted()).toEqual(Array.from({ length: 7 }, (_, n) => `k${n % 3} holder ${n}`).toSorted());
    }),
  );
}

function byHolder(a: { holder: string }, b: { holder: string }): number {
  return a.holder < b.holder ? -1 : 1;
}
