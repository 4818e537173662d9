import { describe, expect, test } from 'vitest';

import { describeBreach } from '../promise/check-promise.ts';
import { describeCell, runBroken, runCell, type Cell, type CellOptions } from './support/cell.ts';
import { controls } from './support/controls.ts';
import { faultKinds } from './support/injector.ts';
import { localWorld } from './support/local-world.ts';
import { stages } from './support/stages.ts';

/** More of `npm run test:faults` than `npm test` has room for: every wire, and all broken variants. */
const seed = Number(process.env['ERRAND_FAULT_SEED'] ?? 1);

async function breachesOf(cell: Cell, options: CellOptions = {}): Promise<string[]> {
  const { breaches } = await runCell(localWorld, cell, options);
  return breaches.map((breach) => `${describeCell('ports', cell)} (seed ${cell.seed}): ${describeBreach(breach)}`);
}

test.each(['ports', 'azure', 'docker'])(
  'whatever goes wrong on %s, nothing is lost, nothing starts twice, and nothing is left',
  { timeout: 600_000 },
  async (place) => {
    const stage = await stages[place]?.();
    if (stage === undefined) throw new Error(`there is no stage ${place}`);
    try {
      const met = new Set<string>();
      for (const schedule of ['first', 'tenth'] as const) {
        const cell: Cell = { kinds: faultKinds, schedule, seed };
        const { breaches, counts } = await runCell(stage.open, cell, stage.options);
        const found = breaches.map(
          (breach) => `${describeCell(place, cell)} (seed ${seed}): ${describeBreach(breach)}`,
        );
        expect(found).toEqual([]);
        for (const fault of counts.keys()) met.add(fault);
      }
      expect(met.size).toBeGreaterThan(5);
    } finally {
      await stage.close();
    }
  },
);

describe('the harness sees it where', () => {
  test.each(controls)('$name', { timeout: 300_000 }, async (control) => {
    const { variant: _, policy, ...cell } = control;
    const [whole, broken] = await Promise.all([breachesOf(cell, { policy }), runBroken(localWorld, control)]);
    expect(whole).toEqual([]);
    expect(broken.found).toMatch(control.shows);
  });
});
