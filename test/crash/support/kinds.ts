import { kindOf, type DriverName } from './crash-case.ts';
import type { Lane } from './lane.ts';
import type { PlannedPoint } from './plan.ts';
import { runAll, type Done, type RunOptions } from './run-all.ts';

/** A kind of point at which processes of a cell were to be killed, in whatever scenario. */
export interface Kind {
  driver: DriverName;
  kind: string;
  points: Done<PlannedPoint>[];
}

export function kindsOf(done: readonly Done<PlannedPoint>[]): Kind[] {
  const kills = done.filter(({ crash }) => crash.fault.kind === 'kill');
  const groups = Map.groupBy(kills, ({ crash }) => `${crash.driver} ${kindOf(crash.fault.point)}`);
  return [...groups.values()].flatMap((points) => {
    const [first] = points;
    return first === undefined ? [] : [{ driver: first.crash.driver, kind: kindOf(first.crash.fault.point), points }];
  });
}

export function isVisited({ points }: Kind): boolean {
  return points.some(({ outcome }) => outcome.visited);
}

/** How often a kind of point that no crash has visited yet is tried beyond that. */
const further = 24;

/** Visits the kinds that all have missed: each has one of its points tried again, for so many lives that staying away is no chance any more. */
export async function visitTheRest(
  lanes: readonly Lane[],
  done: readonly Done<PlannedPoint>[],
  { onDone }: Pick<RunOptions<PlannedPoint>, 'onDone'>,
): Promise<Done<PlannedPoint>[]> {
  const rest = kindsOf(done).filter((kind) => !isVisited(kind));
  const again = rest.flatMap(({ points }) => points.slice(0, 1).map(({ crash }) => crash));
  const more = await runAll(lanes, again, { tries: () => further, ...(onDone === undefined ? {} : { onDone }) });
  return [...done.filter(({ crash }) => !again.includes(crash)), ...more];
}
