import { openPlace } from './open-place.ts';
import { soak } from './soak.ts';
import { makeSoakPlan, type PlanOptions } from './soak-plan.ts';
import type { VariantName } from './soak-setting.ts';

export interface SoakControl {
  variant: VariantName;
  /** What the judge has to say to it. */
  shows: RegExp;
  plan: Omit<PlanOptions, 'seed'>;
}

const small = { tasks: 24, kills: 6, printBytes: 16 * 1024 * 1024, startedAgain: 0 } as const;

/** Small soaks with processes, each without one of the things that the promise rests on. */
export const soakControls: readonly SoakControl[] = [
  {
    variant: 'noFence',
    shows: /^I2 .* executed \d+ times/,
    plan: { ...small, tasks: 12, kills: 1, startedAgain: 1, kinds: ['quick', 'failing'] },
  },
  { variant: 'noRecovery', shows: /^I1 .* never ended/, plan: small },
  { variant: 'noRemoval', shows: /^I8: .* is left/, plan: small },
];

/** Runs that will never end are given up after this. */
const patienceMs = 20_000;

/** The breach that shows it; undefined where it was not caught. */
export async function caught({ variant, shows, plan }: SoakControl, seed: number): Promise<string | undefined> {
  const place = await openPlace('process', { variant });
  try {
    const { breaches } = await soak(place, makeSoakPlan({ ...plan, seed }), { patienceMs });
    return breaches.find((breach) => shows.test(breach));
  } finally {
    await place.close();
  }
}
