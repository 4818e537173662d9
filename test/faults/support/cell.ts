import { faultKinds, injector, schedules, type FaultKind, type Schedule } from './injector.ts';
import { describeBreach } from '../../promise/check-promise.ts';
import { controlTries, type Control } from './controls.ts';
import { runScenario, type ScenarioReport } from './scenario.ts';
import type { LocalWorldOptions } from './local-world.ts';
import type { World } from './world.ts';

/** One scenario: what happens, where, and how often. */
export interface Cell {
  kinds: readonly FaultKind[];
  /** Undefined: everywhere. */
  ports?: readonly string[] | undefined;
  schedule: Schedule;
  seed: number;
}

export type OpenWorld = (options: Pick<LocalWorldOptions, 'injector' | 'variant' | 'policy'>) => Promise<World>;

export interface CellOptions extends Pick<LocalWorldOptions, 'variant' | 'policy'> {
  rounds?: number;
  faultyMs?: number;
  patienceMs?: number;
  restMs?: number;
  mostInARow?: number;
}

/** Runs the scenario of a cell in a world of its own. */
export async function runCell(
  open: OpenWorld,
  { kinds, ports, schedule, seed }: Cell,
  { rounds = 1, faultyMs = 60_000, patienceMs = 90_000, restMs = 20_000, mostInARow, ...how }: CellOptions = {},
): Promise<ScenarioReport> {
  const world = await open({ ...how, injector: injector({ seed, schedule, kinds, ports, mostInARow }) });
  try {
    return await runScenario(world, { rounds, faultyMs, patienceMs, restMs });
  } finally {
    await world.close();
  }
}

/** As it is printed, and as `--only` takes it. */
export function describeCell(place: string, { kinds, ports, schedule }: Cell): string {
  return `${place} ${ports?.join('+') ?? 'everywhere'} ${kinds.length > 2 ? 'all' : kinds.join('+')} ${schedule}`;
}

/** The cell of a name that {@link describeCell} gave, without its place. */
export function readCell(name: string, seed: number): Cell {
  const [where = '', what = '', when] = name.split(' ');
  const kinds = faultKinds.filter((kind) => what === 'all' || what.split('+').includes(kind));
  const schedule = schedules.find((each) => each === when);
  if (kinds.length === 0 || schedule === undefined)
    throw new Error(`"${name}" is no scenario: it must read like "storage reset half" or "everywhere all first"`);
  return { kinds, ports: where === 'everywhere' ? undefined : where.split('+'), schedule, seed };
}

/** Runs the cell of a broken variant, with one seed after the other, until it is caught; answers with what was found last. */
export async function runBroken(
  open: OpenWorld,
  { variant, policy, shows, ...cell }: Control,
): Promise<{ isCaught: boolean; found: string }> {
  let found = '';
  for (let tries = 0; tries < controlTries; tries += 1) {
    const patience = { patienceMs: 30_000, restMs: 1_000 };
    const { breaches } = await runCell(open, { ...cell, seed: cell.seed + tries }, { variant, policy, ...patience });
    found = breaches.map(describeBreach).join('\n');
    if (shows.test(found)) return { isCaught: true, found };
  }
  return { isCaught: false, found };
}
