import { describe, expect, test } from 'vitest';

import { openPlace } from './support/open-place.ts';
import { soak, type Soaked } from './support/soak.ts';
import { makeSoakPlan, type PlanOptions } from './support/soak-plan.ts';
import type { PlaceName, VariantName } from './support/soak-setting.ts';

/** The short form of `npm run soak`. What does not end by itself within this is given up, which a busy machine must not come to. */
const patienceMs = 120_000;
const printBytes = 64 * 1024 * 1024;

async function soaked(
  name: PlaceName,
  plan: Omit<PlanOptions, 'seed' | 'printBytes'>,
  variant?: VariantName,
): Promise<Soaked> {
  const place = await openPlace(name, { variant });
  const said: string[] = [];
  try {
    const options = { patienceMs: variant === undefined ? patienceMs : 10_000, log: (line: string) => said.push(line) };
    const found = await soak(place, makeSoakPlan({ ...plan, seed: 4711, printBytes }), options);
    if (variant === undefined && found.breaches.length > 0) process.stderr.write(`${said.join('\n')}\n`);
    return found;
  } finally {
    await place.close();
  }
}

describe.concurrent('while the orchestrator is killed again and again', () => {
  test('sixty tasks as processes all end as they must', { timeout: 600_000 }, async () => {
    const found = await soaked('process', { tasks: 60, kills: 8, startedAgain: 0.2 });
    expect(found).toMatchObject({ breaches: [], runs: 60, kills: 8, lost: 0, startedTwice: 0, containersLeft: 0 });
  });

  test(
    'forty tasks on Azure all end as they must, though every runner is started once more',
    { timeout: 600_000 },
    async () => {
      const found = await soaked('instant', { tasks: 40, kills: 5, startedAgain: 0 });
      expect(found).toMatchObject({ breaches: [], runs: 40, kills: 5, lost: 0, startedTwice: 0, containersLeft: 0 });
      expect(found.startedAgain).toBeGreaterThan(20);
    },
  );

  test('without the fence a runner that is started once more runs its task again', { timeout: 600_000 }, async () => {
    const found = await soaked(
      'process',
      { tasks: 12, kills: 1, startedAgain: 1, kinds: ['quick', 'failing'] },
      'noFence',
    );
    expect(found.startedTwice).toBeGreaterThan(0);
    expect(found.breaches.join('\n')).toMatch(/I2 .*was executed [2-9] times/);
  });
});
