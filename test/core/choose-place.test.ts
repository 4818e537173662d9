import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { choosePlace, reserveRemoval } from '../../src/core/choose-place.ts';
import type { Context } from '../../src/core/context.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Place } from '../../src/core/ports/runner-driver.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { manualClock } from '../support/manual-clock.ts';
import { queued } from './support/records.ts';

const start = Date.UTC(2026, 0, 1);
const rates = [{ count: 2, perMs: 60_000 }];

/** What choosing looks at, with these places; nothing else of a platform is there. */
async function placesOf(...places: [Place, ...Place[]]): Promise<Context> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-places-'));
  const clock = manualClock(start);
  const storage = sqliteStorage({ path: join(directory, 'errand.db'), clock, logger: silentLogger });
  onTestFinished(async () => {
    await storage.close();
    await rm(directory, { recursive: true });
  });
  const driver = { name: 'platform', capabilities: { places } };
  return { storage, driver, policy: defaultPolicy } as unknown as Context;
}

test('moments keep a distance to the windows of the platform, for requests reach it sooner or later after theirs', async () => {
  const context = await placesOf({ name: 'here', runners: 10, creates: rates, removals: rates });
  const later = start + 60_000 + defaultPolicy.rateMarginMs;
  for (const [number, moment] of [start, start, later, later].entries()) {
    const choice = await choosePlace(context, queued({ id: `run-${number}` }), start);
    expect(choice).toMatchObject({ place: 'here', notBefore: moment });
    expect(await reserveRemoval(context, 'here', start)).toBe(moment);
  }
});
