import { describe, expect, test } from 'vitest';

import type { ScenarioOutcome } from './outcome.ts';
import { diskFull } from './scenarios/disk.ts';
import { killAtRandom } from './scenarios/kill.ts';
import { stopAndGoOn } from './scenarios/stop.ts';

/** The short form of the process faults in `npm run test:faults`: each scenario in small, and what must be caught by it. */
describe('faults of processes', { timeout: 240_000 }, () => {
  test('SIGKILL at random loses nothing and starts nothing twice', async () => {
    expectKept(await killAtRandom({ seed: 1, runs: 20, kills: 4 }), { faults: 4, runs: 20 });
  });
  test.each([
    { variant: 'noRecovery', shows: /I1 \w+: it never ended/ },
    { variant: 'keysForgotten', shows: /I9/ },
  ] as const)('without what $variant takes away it does not', async ({ variant, shows }) => {
    expectCaught(await killAtRandom({ seed: 1, runs: 20, kills: 4, variant }), shows);
  });

  test('a server that stood still for longer than any wait does no harm when it goes on', async () => {
    expectKept(await stopAndGoOn({ seed: 1, stops: 1, runsPerStop: 10 }), { faults: 1, runs: 10 });
  });
  test('without compare-and-swap it does', async () => {
    const outcome = await stopAndGoOn({ seed: 1, stops: 1, runsPerStop: 10, variant: 'noCompareAndSwap' });
    expectCaught(outcome, /I3 \w+: 2 writers wrote version/);
  });

  test('a full disk is said clearly, loses nothing, and heals', async ({ skip }) => {
    const outcome = await diskFull({ rounds: 1 });
    if (outcome.leftOut !== undefined) skip(outcome.leftOut);
    expectKept(outcome, { faults: 1 });
  });
  test('one that is not said loses what was accepted', async ({ skip }) => {
    const outcome = await diskFull({ rounds: 1, variant: 'errorsSwallowed' });
    if (outcome.leftOut !== undefined) skip(outcome.leftOut);
    expectCaught(outcome, /I1 \w+: it was accepted, and has no record/);
  });
});

function expectKept(outcome: ScenarioOutcome, figures: Partial<ScenarioOutcome>): void {
  expect(outcome.failures).toEqual([]);
  expect(outcome).toMatchObject({ lost: 0, startedTwice: 0, containersLeft: 0, ...figures });
}

function expectCaught({ failures }: ScenarioOutcome, shows: RegExp): void {
  expect(failures.join('\n')).toMatch(shows);
}
