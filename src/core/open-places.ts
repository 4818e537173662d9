import type { Overview } from '../contract/overview.ts';
import { placeSlot } from './choose-place.ts';
import type { Context } from './context.ts';
import type { RunRecord } from './run-record.ts';

/** How much room each place has left. CPUs are counted from the open runs, where all of them are known. */
export async function openPlaces(
  { storage, driver }: Pick<Context, 'storage' | 'driver'>,
  openRuns: readonly RunRecord[] | undefined,
): Promise<Overview['places']> {
  const { places } = driver.capabilities;
  const [only] = places;
  // Where there is but one place and nothing to choose, runs hold the slot of the platform alone.
  const isPlain = places.length === 1 && only.cpu === undefined && only.creates === undefined;
  return Promise.all(
    places.map(async (place) => {
      const key = isPlain ? `platform:${driver.name}` : placeSlot(driver.name, place);
      const entries = await storage.slotQueue(key);
      const { name, runners, cpu } = place;
      const holders = openRuns?.filter(
        (run) => run.state !== 'queued' && run.attempts.at(-1)?.region === name && run.slots.length > 0,
      );
      const cpuHeld = holders?.reduce((sum, run) => sum + run.definition.resources.cpu, 0);
      return {
        name,
        runners,
        held: entries.filter(({ held }) => held).length,
        ...(cpu === undefined ? {} : { cpu }),
        ...(cpu === undefined || cpuHeld === undefined ? {} : { cpuHeld }),
      };
    }),
  );
}
