import { describe, expect, test, type TestContext } from 'vitest';

import type { ScenarioOutcome } from './outcome.ts';
import { clockSteps } from './scenarios/clock.ts';
import { daemonRestarted } from './scenarios/daemon.ts';
import { descriptorsExhausted } from './scenarios/descriptors.ts';
import { diskFull } from './scenarios/disk.ts';
import { killAtRandom } from './scenarios/kill.ts';
import { stopAndGoOn } from './scenarios/stop.ts';
import { oldAndNew } from './scenarios/versions.ts';

/** The short form of the process faults in `npm run test:faults`: each scenario in small, and broken ones that it must catch. They wait more than they work. */
describe('faults of processes', { timeout: 300_000, concurrent: true }, () => {
  test('SIGKILL at random loses nothing and starts nothing twice', async () => {
    expectKept(await killAtRandom({ seed: 1, runs: 20, kills: 4 }), { faults: 4, runs: 20 });
  });
  test.each([
    { variant: 'noRecovery', shows: /I1 \w+: it never ended/ },
    { variant: 'keysForgotten', shows: /I9: 20 keys came to \d+ runs/ },
  ] as const)('without what $variant takes away it does not', async ({ variant, shows }) => {
    expectCaught(await killAtRandom({ seed: 1, runs: 20, kills: 3, variant }), shows);
  });

  test('a server that stood still for longer than any wait does no harm when it goes on', async () => {
    expectKept(await stopAndGoOn({ seed: 1, stops: 1, runsPerStop: 10 }), { faults: 1, runs: 10 });
  });
  test('without compare-and-swap it does', async () => {
    const outcome = await stopAndGoOn({ seed: 1, stops: 1, runsPerStop: 10, variant: 'noCompareAndSwap' });
    expectCaught(outcome, /I3 \w+: 2 writers wrote version/);
  });

  test('a full disk is said clearly, loses nothing, and heals', async (context) => {
    expectKept(await diskFull({ rounds: 1 }).then(orSkip(context)), { faults: 1 });
  });
  test('one that is not said loses what was accepted', async (context) => {
    const outcome = await diskFull({ rounds: 1, variant: 'errorsSwallowed' }).then(orSkip(context));
    expectCaught(outcome, /I1 \w+: it was accepted, and has no record/);
  });

  test('a server without descriptors fails no run, and serves again once it has some', async () => {
    expectKept(await descriptorsExhausted({ rounds: 1 }), { faults: 1, runs: 8 });
  });

  test.each([
    { direction: 'forwards', servers: 1 },
    { direction: 'back', servers: 1 },
    { direction: 'forwards', servers: 2 },
  ] as const)('a clock set $direction under $servers ends what its limit says, and no more', async (step) => {
    expectKept(await clockSteps(step), { faults: 1, runs: 7 });
  });

  test('an engine that is restarted under running tasks loses none of them unsaid', async (context) => {
    const outcome = await daemonRestarted({ stops: ['SIGKILL', 'SIGTERM'] });
    if (outcome.leftOut !== undefined && process.env['CI'] === 'true') throw new Error(outcome.leftOut);
    expectKept(orSkip(context)(outcome), { faults: 2, runs: 10 });
  });

  test('an old and a new version hand runs over on one storage', async (context) => {
    expectKept(await oldAndNew().then(orSkip(context)), { faults: 2, runs: 30 });
  });
});

/** One visible skip with its reason where a machine does not allow a scenario. */
function orSkip({ skip }: TestContext): (outcome: ScenarioOutcome) => ScenarioOutcome {
  return (outcome) => {
    if (outcome.leftOut !== undefined) skip(outcome.leftOut);
    return outcome;
  };
}

function expectKept(outcome: ScenarioOutcome, figures: Partial<ScenarioOutcome>): void {
  expect(outcome.failures).toEqual([]);
  expect(outcome).toMatchObject({ lost: 0, startedTwice: 0, containersLeft: 0, ...figures });
}

function expectCaught({ failures }: ScenarioOutcome, shows: RegExp): void {
  expect(failures.join('\n')).toMatch(shows);
}
