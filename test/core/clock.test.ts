import { setImmediate as settled } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { lookEvery } from '../../src/core/clock.ts';
import { manualClock } from '../support/manual-clock.ts';

test('what changes is looked at again after a look that failed, and shown until that is stopped', async () => {
  const clock = manualClock(0);
  const shown: number[] = [];
  let looks = 0;
  const look = async (): Promise<number> => {
    looks += 1;
    if (looks === 2) throw new Error('out of reach');
    return looks;
  };
  const stop = lookEvery(clock, 1_000, look, (seen) => shown.push(seen), { first: 0 });
  await clock.advance(0, settled);
  expect(shown).toEqual([1]);
  await clock.advance(2_000, settled);
  expect(shown).toEqual([1, 3]);
  stop();
  await clock.advance(5_000, settled);
  expect({ looks, shown }).toEqual({ looks: 3, shown: [1, 3] });
});

test('a look that is under way when it is stopped shows nothing any more, and is the last', async () => {
  const clock = manualClock(0);
  const shown: string[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  let looks = 0;
  const look = (): Promise<string> => {
    looks += 1;
    return promise;
  };
  const stop = lookEvery(clock, 1_000, look, (seen) => shown.push(seen));
  await clock.advance(1_000, settled);
  stop();
  resolve('late');
  await clock.advance(5_000, settled);
  expect({ looks, shown }).toEqual({ looks: 1, shown: [] });
});
