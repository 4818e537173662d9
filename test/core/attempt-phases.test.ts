import { expect, test } from 'vitest';

import { attemptPhases } from '../../src/core/attempt-phases.ts';
import { instant } from '../../src/core/clock.ts';
import type { AttemptRecord } from '../../src/core/run-record.ts';

const t0 = 1_800_000_000_000;
const at = (ms: number): string => instant(t0 + ms);

/** Phases as `name from-to`, in milliseconds since the attempt was opened. */
function drawn(times: Partial<AttemptRecord>): string[] {
  const attempt: AttemptRecord = {
    number: 1,
    containerName: 'errand-1',
    platform: 'docker',
    openedAt: at(0),
    lease: { by: 'me', until: at(15_000) },
    counted: true,
    containerGone: true,
    ...times,
  };
  return attemptPhases(attempt).map(({ name, from, to }) => `${name} ${from - t0}-${to - t0}`);
}

test.each<[name: string, times: Partial<AttemptRecord>, phases: string[]]>([
  ['that goes on has none yet', { createdAt: at(100), fencedAt: at(500) }, []],
  [
    'that went well',
    { createdAt: at(100), fencedAt: at(500), endedAt: at(2_000), fetchMs: 200, runMs: 1_000 },
    ['create 0-100', 'start 100-300', 'fetch 300-500', 'run 500-1500', 'settle 1500-2000'],
  ],
  [
    'whose image was pulled',
    {
      createdAt: at(900),
      fencedAt: at(1_000),
      endedAt: at(2_000),
      fetchMs: 0,
      runMs: 1_000,
      pulledAt: at(800),
      pullMs: 700,
    },
    ['create 0-900', 'pull 100-800', 'start 900-1000', 'fetch 1000-1000', 'run 1000-2000', 'settle 2000-2000'],
  ],
  [
    'whose fence was seen before the create was answered',
    { createdAt: at(700), fencedAt: at(500), endedAt: at(2_000), fetchMs: 200, runMs: 1_000 },
    ['create 0-300', 'start 300-300', 'fetch 300-500', 'run 500-1500', 'settle 1500-2000'],
  ],
  [
    'whose fence was seen late',
    { createdAt: at(100), fencedAt: at(900), endedAt: at(1_200), fetchMs: 100, runMs: 1_000 },
    ['create 0-100', 'start 100-100', 'fetch 100-200', 'run 200-1200', 'settle 1200-1200'],
  ],
  [
    'whose runner was killed',
    { createdAt: at(100), fencedAt: at(500), endedAt: at(900) },
    ['create 0-100', 'start 100-500', 'run 500-900', 'settle 900-900'],
  ],
  [
    'whose executable was not started',
    { createdAt: at(100), fencedAt: at(500), endedAt: at(900), fetchMs: 300 },
    ['create 0-100', 'start 100-200', 'fetch 200-500', 'settle 500-900'],
  ],
  ['that did not start in time', { createdAt: at(100), endedAt: at(900) }, ['create 0-100', 'start 100-900']],
  ['that was not created', { endedAt: at(900) }, ['create 0-900']],
  [
    'whose times make no sense',
    { createdAt: at(-500), fencedAt: at(5_000), endedAt: at(900), fetchMs: 9_000, runMs: 9_000 },
    ['create 0-0', 'start 0-0', 'fetch 0-0', 'run 0-900', 'settle 900-900'],
  ],
])('an attempt %s', (_, times, phases) => {
  expect(drawn(times)).toEqual(phases);
});
