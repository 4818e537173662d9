import { describe, expect, test } from 'vitest';

import { openPlace } from './support/open-place.ts';
import { soak, type Soaked } from './support/soak.ts';
import { makeSoakPlan, type PlanOptions } from './support/soak-plan.ts';
import { caught, soakControls } from './support/soak-controls.ts';
import type { PlaceName } from './support/soak-setting.ts';

/** The short form of `npm run soak`. What does not end by itself within this is given up, which a busy machine must not come to. */
const patienceMs = 120_000;
const seed = 4711;
const printBytes = 64 * 1024 * 1024;

async function soaked(name: PlaceName, plan: Omit<PlanOptions, 'seed' | 'printBytes'>): Promise<Soaked> {
  const place = await openPlace(name);
  const said: string[] = [];
  try {
    const options = { patienceMs, log: (line: string) => said.push(line) };
    const found = await soak(place, makeSoakPlan({ ...plan, seed, printBytes }), options);
    if (found.breaches.length > 0) process.stderr.write(`seed ${seed}\n${said.join('\n')}\n`);
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
    const [noFence] = soakControls.filter(({ variant }) => variant === 'noFence');
    expect(noFence === undefined ? undefined : await caught(noFence, seed)).toMatch(/executed \d+ times/);
  });
});
