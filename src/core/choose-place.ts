import { fromInstant, instant } from './clock.ts';
import type { Context } from './context.ts';
import type { Place, RunnerDriver } from './ports/runner-driver.ts';
import type { Rate } from './ports/storage.ts';
import type { QueuedRun } from './run-record.ts';
import { isPlaceSlot, runIdOf, slotHolder } from './slot-holder.ts';

export type Choice =
  /** Create there (undefined where there is only one place), not before that (milliseconds since the epoch). `slots` are all that the run then holds; `freed` are those who may go on. */
  | { place: string | undefined; notBefore: number; slots: QueuedRun['slots']; freed: string[] }
  /** Every place is full, or left alone for a while: choose again then. */
  | { until: number; message: string };

/**
 * Where the next attempt is created. A platform with one place and no rates needs no question. Else the emptiest place with room is taken, by its slots,
 * and a moment is reserved under its rates: whoever comes later gets a later one, so nobody is refused for coming too fast.
 */
export async function choosePlace(context: Context, run: QueuedRun, now: number): Promise<Choice> {
  const { places } = context.driver.capabilities;
  // An attempt on a platform with only one place names none.
  const avoided = new Map(
    (run.avoid ?? []).map(({ place, until }) => [place === '' ? places[0].name : place, fromInstant(until)]),
  );
  const openAt = ({ name }: Place) => avoided.get(name) ?? 0;
  const open = places.filter((place) => openAt(place) <= now);
  if (open.length === 0) {
    const until = Math.min(...places.map(openAt));
    return {
      until,
      message: `${places.map(({ name }) => name).join(', ')} had no room; asking again at ${instant(until)}`,
    };
  }
  if (isOnlyPlace(context.driver)) {
    return { place: undefined, notBefore: now, slots: run.slots, freed: [] };
  }

  const kept = run.slots.filter(({ key }) => !isPlaceSlot(key));
  for (const place of await emptiestFirst(context, open)) {
    const wanted = slotsOf(context, place, run);
    if (!(await takeAll(context, slotHolder(run), wanted, now))) continue;
    const stale = run.slots.filter(({ key }) => isPlaceSlot(key) && !wanted.some((slot) => slot.key === key));
    const freed = await releaseAll(context, slotHolder(run), stale);
    const slots = [...kept, ...wanted.map(({ key, limit }) => ({ key, limit }))];
    const notBefore = await reserve(context, `creates:${context.driver.name}:${place.name}`, place.creates, now);
    return { place: place.name, notBefore, slots, freed };
  }
  return {
    until: now + context.policy.safetyLookMs,
    message: `${open.map(({ name }) => name).join(', ')} ${open.length === 1 ? 'has' : 'have'} no room for another runner`,
  };
}

/** A platform with one place and no rates: the slot of the platform counts its runners, and no other is needed. */
function isOnlyPlace({ capabilities: { places } }: Pick<RunnerDriver, 'capabilities'>): boolean {
  const [only] = places;
  return places.length === 1 && only.cpu === undefined && only.creates === undefined;
}

/** The slot whose holders are the runners at a place. */
export function runnersSlot(driver: Pick<RunnerDriver, 'name' | 'capabilities'>, place: Place): string {
  return isOnlyPlace(driver) ? `platform:${driver.name}` : placeSlot(driver.name, place);
}

/** When a container may be removed (milliseconds since the epoch): platforms limit that, too. */
export async function reserveRemoval(context: Context, placeName: string | undefined, now: number): Promise<number> {
  const place = context.driver.capabilities.places.find(({ name }) => name === placeName);
  return place === undefined
    ? now
    : reserve(context, `removals:${context.driver.name}:${place.name}`, place.removals, now);
}

async function reserve(
  { storage, policy }: Context,
  key: string,
  rates: readonly Rate[] | undefined,
  now: number,
): Promise<number> {
  if (rates === undefined) return now;
  const wider = rates.map(({ count, perMs }) => ({ count, perMs: perMs + policy.rateMarginMs }));
  return fromInstant(await storage.reserve({ key, rates: wider, at: instant(now) }));
}

async function emptiestFirst({ driver, storage }: Context, places: readonly Place[]): Promise<Place[]> {
  const counted = await Promise.all(
    places.map(async (place, order) => {
      const held = (await storage.slotQueue(placeSlot(driver.name, place))).length;
      return { place, order, share: held / place.runners };
    }),
  );
  return counted.toSorted((a, b) => a.share - b.share || a.order - b.order).map(({ place }) => place);
}

interface WantedSlot {
  key: string;
  limit: number;
  units: number;
}

/** CPUs are counted in thousandths, for slots count whole units. */
function slotsOf({ driver }: Context, place: Place, run: QueuedRun): WantedSlot[] {
  const runners = { key: placeSlot(driver.name, place), limit: place.runners, units: 1 };
  if (place.cpu === undefined) return [runners];
  const units = Math.round(run.definition.resources.cpu * 1000);
  return [runners, { key: `cpu:${driver.name}:${place.name}`, limit: Math.floor(place.cpu * 1000), units }];
}

/** The slot that every runner of a place holds. */
export function placeSlot(driver: string, place: Place): string {
  return `place:${driver}:${place.name}`;
}

/** All or none: nobody waits in the queue of a place, since another may have room first. */
async function takeAll(context: Context, holder: string, slots: readonly WantedSlot[], now: number): Promise<boolean> {
  for (const [index, slot] of slots.entries()) {
    const { held } = await context.storage.takeSlot({ ...slot, holder, at: instant(now) });
    if (held) continue;
    await releaseAll(context, holder, slots.slice(0, index + 1));
    return false;
  }
  return true;
}

async function releaseAll({ storage }: Context, holder: string, slots: readonly { key: string }[]): Promise<string[]> {
  const called: string[] = [];
  for (const { key } of slots) {
    const waiter = await storage.releaseSlot(key, holder);
    if (waiter !== undefined) called.push(runIdOf(waiter));
  }
  return called;
}
