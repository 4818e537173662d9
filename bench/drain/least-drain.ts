/** What a region allows; the same counts hold for removals. Windows slide and are half open: after exactly `perMs` there is room again. */
export interface RegionLimits {
  readonly runners: number;
  readonly rates: readonly { readonly count: number; readonly perMs: number }[];
}

/**
 * The least time, in milliseconds, from the first create to the end of the last of `tasks` that take `taskMs` each, spread evenly over regions that are alike. Each
 * create and each removal comes as soon as every limit lets it; with tasks that are alike an earlier one never makes a later one later, so nothing can be faster.
 */
export function leastDrainMs(tasks: number, regions: number, taskMs: number, { runners, rates }: RegionLimits): number {
  const creates: number[] = [];
  const removals: number[] = [];
  const mine = Math.ceil(tasks / regions);
  const paced = (earlier: readonly number[], from: number): number =>
    Math.max(from, ...rates.map(({ count, perMs }) => (earlier[earlier.length - count] ?? -Infinity) + perMs));
  for (let index = 0; index < mine; index += 1) {
    const room = removals[index - runners] ?? 0;
    const created = paced(creates, room);
    creates.push(created);
    removals.push(paced(removals, created + taskMs));
  }
  return (creates.at(-1) ?? 0) + taskMs;
}
