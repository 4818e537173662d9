import { metrics } from '@opentelemetry/api';
import { runnersSlot } from './choose-place.ts';
import type { Context } from './context.ts';
import { scope } from './run-spans.ts';

/** Tells, whenever somebody collects metrics, how many more runners each place takes now. Returns what ends it. */
export function observeHeadRoom({
  driver,
  storage,
  logger,
}: Pick<Context, 'driver' | 'storage' | 'logger'>): () => void {
  const free = metrics.getMeter(scope).createObservableGauge('errand.platform.runners.available', {
    unit: '{runner}',
    description: 'Runners that may still be started at once, within the quota of the place',
  });
  const observe: Parameters<typeof free.addCallback>[0] = async (result) => {
    try {
      for (const place of driver.capabilities.places) {
        const held = (await storage.slotQueue(runnersSlot(driver, place))).filter((entry) => entry.held).length;
        result.observe(Math.max(place.runners - held, 0), {
          'errand.platform': driver.name,
          'errand.place': place.name,
        });
      }
    } catch (error) {
      logger.warn(
        { err: error },
        'nobody can tell how much room is left on the platform; the next collection asks again',
      );
    }
  };
  free.addCallback(observe);
  return () => free.removeCallback(observe);
}
