import { describe, expect, test } from 'vitest';
import { drain } from '../../bench/drain/drain.ts';
import { leastDrainMs } from '../../bench/drain/least-drain.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';

/** The short form of `npm run bench:drain`, which has 2,000. */
const taskMs = 60_000;
const nothingRefused = { repeated: 0, throttled: 0, refused: 0 };

describe('the least that quotas allow', () => {
  const minute = 60_000;
  const rates = [
    { count: 300, perMs: 60 * minute },
    { count: 100, perMs: 5 * minute },
  ];

  test.each([
    ['all that fit at once', 200, 1, 1],
    ['one more waits for the window of five minutes', 201, 1, 6],
    ['the third hundred of a region for the next', 600, 1, 11],
    ['the fourth for the next hour', 601, 1, 61],
    ['2,000 for the third', 2_000, 1, 181],
    ['long tasks keep their places', 201, 60, 120],
  ])('%s: %i tasks of %i minutes take %i', (_, tasks, minutes, least) => {
    expect(leastDrainMs(tasks, 2, minutes * minute, { runners: 100, rates })).toBe(least * minute);
  });

  test('removals count as creates do', () => {
    const once = [{ count: 1, perMs: 10 }];
    // Created at 0, 10, 20, 30; the second one can only come once the first is removed, and removals are 10 apart as well.
    expect(leastDrainMs(4, 1, 25, { runners: 1, rates: once })).toBe(100);
    expect(leastDrainMs(4, 1, 1, { runners: 1, rates: once })).toBe(31);
  });
});

test('300 runs at once all succeed, none is refused, and the quotas alone are what they wait for', async () => {
  const report = await drain({ runs: 300, taskMs, logger: silentLogger });
  expect(report).toMatchObject({ runs: 300, succeeded: 300, starts: 300, ...nothingRefused });
  expect(report.ratio).toBeLessThanOrEqual(1.1);
  expect(report.ratio).toBeGreaterThanOrEqual(1);
});

describeWithDocker('real containers beside emulated ones', () => {
  test('three of them have their turn like all others', async () => {
    const real = { runs: 3, host: dockerHost() };
    const report = await drain({ runs: 100, real, taskMs, logger: silentLogger });
    expect(report).toMatchObject({ runs: 103, succeeded: 103, realSucceeded: 3, starts: 100, ...nothingRefused });
  });
});
