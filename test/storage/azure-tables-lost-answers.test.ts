import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';
import { instant, systemClock } from '../../src/core/clock.ts';
import type { Storage } from '../../src/core/ports/storage.ts';
import { azureTablesStorage } from '../../src/storage/azure-tables.ts';
import { sampleEnded, sampleEpoch, sampleRun, sampleRunId } from '../../src/testing/sample-run.ts';
import { connectionString, startAzurite, type Azurite } from '../support/azurite.ts';
import { startLossyProxy, type Fate, type LossyProxy } from '../support/lossy-proxy.ts';
import { freshPrefix } from './support/azure-harness.ts';

let azurite: Azurite;
let proxy: LossyProxy;
let prefix: string;
const at = instant(sampleEpoch);
const retries = { maxRetries: 4, retryDelayInMs: 5, maxRetryDelayInMs: 20 };

beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());
beforeEach(async () => {
  proxy = await startLossyProxy(azurite.tableUrl);
  prefix = freshPrefix();
});
afterEach(() => proxy.stop());

const behindProxy = (): string =>
  connectionString({ ...azurite, tableUrl: azurite.tableUrl.replace(new URL(azurite.tableUrl).origin, proxy.origin) });

function open(): Storage {
  return azureTablesStorage({ connection: { connectionString: behindProxy() }, prefix, clock: systemClock, retries });
}

/** Each write is carried out, and its first answer lost: the retry of the SDK meets what its own first try has done. */
function loseFirstAnswers(): void {
  proxy.decide = ({ method, tries }) => (method !== 'GET' && tries === 0 ? 'loseAnswer' : 'pass');
}

describe('a write whose answer was lost', () => {
  test('is known again as our own, whatever it was', async () => {
    const storage = open();
    await storage.check();
    loseFirstAnswers();
    const run = sampleRun(1);
    expect(await storage.createRun(run)).toBe(true);
    expect(await storage.updateRun({ ...run, version: 2, operationId: 'second' })).toBe(true);
    const ended = sampleEnded({ ...run, version: 2 });
    expect(await storage.updateRun(ended)).toBe(true);
    expect(await storage.getRun(run.id)).toEqual(ended);
    expect(await storage.claimKey({ key: 'k', requestHash: 'h', runId: run.id })).toEqual({
      key: 'k',
      requestHash: 'h',
      runId: run.id,
    });
    const take = (holder: string) => storage.takeSlot({ key: 's', holder, limit: 1, at });
    expect(await take('a')).toEqual({ held: true, position: 0 });
    expect(await take('b')).toEqual({ held: false, position: 0 });
    expect(await storage.releaseSlot('s', 'a')).toBe('b');
    expect(await storage.releaseSlot('s', 'b')).toBeUndefined();
    const rates = [{ count: 1, perMs: 1_000 }];
    expect(await storage.reserve({ key: 'r', rates, at })).toBe(at);
    // One moment was used up, not one for each try.
    expect(await storage.reserve({ key: 'r', rates, at })).toBe(instant(sampleEpoch + 1_000));
    await storage.deleteRun(run.id);
    proxy.decide = () => 'pass';
    expect(await storage.getRun(run.id)).toBeUndefined();
    expect(await storage.getKey('k')).toBeUndefined();
    expect(await storage.endedRuns({ before: '9', limit: 5 })).toEqual([]);
    expect(await storage.openRuns({ limit: 5 })).toEqual([]);
  });

  test('is not taken for our own where another was faster', async () => {
    const [storage, second] = [open(), open()];
    const run = sampleRun(1);
    await storage.createRun(run);
    await storage.getRun(run.id);
    expect(await second.updateRun({ ...run, version: 2, operationId: 'faster' })).toBe(true);
    loseFirstAnswers();
    expect(await storage.updateRun({ ...run, version: 2, operationId: 'slower' })).toBe(false);
    expect(await storage.createRun({ ...run, operationId: 'other' })).toBe(false);
    expect((await storage.getRun(run.id))?.operationId).toBe('faster');
  });

  test('loses no write of 16 writers at once, and invents none', async () => {
    const storages = [open(), open(), open()];
    const [first] = storages;
    const run = sampleRun(1);
    await first?.createRun(run);
    proxy.decide = ({ method, tries, index }) =>
      method !== 'GET' && tries === 0 && index % 3 === 0 ? 'loseAnswer' : 'pass';
    const won: string[] = [];
    const write = async (number: number): Promise<void> => {
      const storage = storages[number % storages.length];
      for (;;) {
        const current = await storage?.getRun(run.id);
        if (current === undefined || storage === undefined) throw new Error('the record is gone');
        const slots = [...current.slots, { key: `${number}`, limit: 1 }];
        const next = { ...current, version: current.version + 1, operationId: `by ${number}`, slots };
        if (!(await storage.updateRun(next))) continue;
        won.push(`${number}`);
        return;
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, number) => write(number)));
    const stored = await first?.getRun(run.id);
    expect(stored?.version).toBe(17);
    expect(stored?.slots.map(({ key }) => key).toSorted()).toEqual(won.toSorted());
  });
});

describe('killed after any request', () => {
  /** The write with this number is not carried out, nor anything after it. */
  async function killedAt(number: number, work: () => Promise<unknown>): Promise<'killed' | 'done'> {
    let writes = 0;
    let isDead = false;
    proxy.decide = ({ method, url }) => {
      if (method !== 'GET' && !url.includes('/Tables')) writes += 1;
      isDead ||= writes > number;
      return isDead ? { status: 501 } : 'pass';
    };
    const end = await work().then(
      () => 'done',
      () => 'failed',
    );
    proxy.decide = () => 'pass';
    if (end === 'failed') expect(isDead).toBe(true);
    return isDead ? 'killed' : 'done';
  }

  const run = sampleRun(1, { idempotencyKey: 'key' });
  const steps: Record<string, (storage: Storage) => Promise<unknown>> = {
    create: (storage) => storage.createRun(run),
    'go on': (storage) =>
      storage.updateRun({ ...run, version: 2, operationId: 'two', wakeAt: instant(sampleEpoch + 9) }),
    end: (storage) => storage.updateRun(sampleEnded(run)),
    remove: async (storage) => storage.deleteRun(run.id),
  };

  test.each(Object.keys(steps))('"%s" leaves nothing that is not found, and nothing that stays', async (name) => {
    const step = steps[name];
    if (step === undefined) throw new Error(name);
    for (let number = 0, isDone = false; !isDone; number += 1) {
      expect(number).toBeLessThan(20);
      prefix = freshPrefix();
      const before = open();
      if (name !== 'create') {
        await before.claimKey({ key: 'key', requestHash: 'h', runId: run.id });
        await before.createRun(run);
        if (name === 'remove') await before.updateRun(sampleEnded(run));
      }
      isDone = (await killedAt(number, () => step(before))) === 'done';

      const after = open();
      const stored = await after.getRun(run.id);
      const [opened, ended] = [await after.openRuns({ limit: 9 }), await after.endedRuns({ before: '9', limit: 9 })];
      // Nothing open is missing from its index, and nothing ended from the other; only what has ended may be removed.
      if (stored?.open === true) expect(opened.map(({ id }) => id)).toEqual([run.id]);
      expect(ended).toEqual(stored?.open === false ? [run.id] : []);
      // Once it is old, the rest is put right by whoever finds it.
      const late = azureTablesStorage({
        connection: { connectionString: behindProxy() },
        prefix,
        clock: { ...systemClock, now: () => systemClock.now() + 3_600_000 },
      });
      await late.endedRuns({ before: '9', limit: 9 });
      const expected = stored?.open === true ? [{ id: run.id, wakeAt: stored.wakeAt }] : [];
      expect(await late.openRuns({ limit: 9 })).toEqual(expected);
      expect(await late.countOpen()).toEqual(stored?.open === true ? { queued: 1 } : {});
      // And the same again comes to its end.
      await step(after);
      if (name === 'remove') expect(await after.getKey('key')).toBeUndefined();
      expect((await after.getRun(run.id))?.id).toBe(name === 'remove' ? undefined : run.id);
    }
  });

  test('a run that is being created is left alone until it is old', async () => {
    // The index misses its table first; its entry is the second write.
    await killedAt(2, () => open().createRun(run));
    const after = open();
    expect(await after.openRuns({ limit: 9 })).toEqual([{ id: sampleRunId(1), wakeAt: run.wakeAt }]);
    expect(await after.createRun(run)).toBe(true);
    expect(await after.openRuns({ limit: 9 })).toHaveLength(1);
  });

  test('a write that took so long that its entries were taken for left ones makes them anew', async () => {
    const late = () => systemClock.now() + 3_600_000;
    const others = azureTablesStorage({
      connection: { connectionString: azurite.connectionString },
      prefix,
      clock: { ...systemClock, now: late },
    });
    let elapsed = 0;
    const slow = azureTablesStorage({
      connection: { connectionString: behindProxy() },
      prefix,
      clock: { ...systemClock, monotonic: () => (elapsed += 400_000) },
      retries,
    });
    const ended = sampleEnded(run);
    proxy.decide = async ({ method, url }): Promise<Fate> => {
      if (method === 'GET' || !url.includes(`${prefix}runs`)) return 'pass';
      expect([await others.openRuns({ limit: 9 }), await others.endedRuns({ before: '9', limit: 9 })]).toEqual([
        [],
        [],
      ]);
      return 'pass';
    };
    expect(await slow.createRun(run)).toBe(true);
    proxy.decide = () => 'pass';
    expect(await others.openRuns({ limit: 9 })).toHaveLength(1);
    proxy.decide = async ({ method, url }): Promise<Fate> => {
      if (method !== 'GET' && url.includes(`${prefix}runs`)) await others.endedRuns({ before: '9', limit: 9 });
      return 'pass';
    };
    expect(await slow.updateRun(ended)).toBe(true);
    expect(await others.endedRuns({ before: '9', limit: 9 })).toEqual([run.id]);
    expect(await others.openRuns({ limit: 9 })).toEqual([]);
  });
});
