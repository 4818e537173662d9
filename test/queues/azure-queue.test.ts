import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { QueueClient } from '@azure/storage-queue';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { WakeUp } from '../../src/core/ports/work-queue.ts';
import { azureQueue, type AzureQueue, type AzureQueueOptions } from '../../src/queues/azure-queue.ts';
import { encodeWakeUp } from '../../src/queues/azure-queue-message.ts';
import { sampleRunId } from '../../src/testing/sample-run.ts';
import { workQueueConformance } from '../../src/testing/work-queue-conformance.ts';
import { connectionString, startAzurite, type Azurite } from '../support/azurite.ts';
import { startLossyProxy, type LossyProxy } from '../support/lossy-proxy.ts';

let azurite: Azurite;
let proxy: LossyProxy;
let name: string;

beforeAll(async () => {
  azurite = await startAzurite();
  proxy = await startLossyProxy(azurite.queueUrl);
});
afterAll(async () => {
  await proxy.stop();
  await azurite.stop();
});
const opened: AzureQueue[] = [];
afterEach(async () => {
  proxy.decide = () => 'pass';
  await Promise.all(opened.splice(0).map((queue) => queue.close()));
});
beforeEach(() => {
  name = `q${randomBytes(8).toString('hex')}`;
  proxy.decide = () => 'pass';
});

workQueueConformance({ describe, test, expect }, 'azure-queue with an account key', async () => {
  const { connectionString: direct } = azurite;
  const queue = azureQueue({
    connection: { connectionString: direct },
    name,
    clock: systemClock,
    logger: silentLogger,
  });
  return { queue, now: systemClock.now, dispose: queue.close };
});

function open(options: Partial<AzureQueueOptions> = {}): AzureQueue {
  const queueUrl = azurite.queueUrl.replace(new URL(azurite.queueUrl).origin, proxy.origin);
  const connection = { connectionString: connectionString({ ...azurite, queueUrl }) };
  const queue = azureQueue({
    connection,
    name,
    clock: systemClock,
    logger: silentLogger,
    retrySeconds: { first: 0, longest: 0 },
    idleMs: { shortest: 20, longest: 200 },
    patienceMs: 100,
    ...options,
  });
  opened.push(queue);
  return queue;
}

/** Puts a text into the queue as others do: Event Grid, or an Errand whose clock is fast. */
async function put(text: string): Promise<void> {
  const client = new QueueClient(azurite.connectionString, name);
  await client.createIfNotExists();
  await client.sendMessage(text);
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
const inQueue = async (): Promise<number> =>
  (await new QueueClient(azurite.connectionString, name).getProperties()).approximateMessagesCount ?? 0;
const wakeUp: WakeUp = { runId: sampleRunId(1), wakeId: 'wake' };

describe('the storage queue', () => {
  test('hides a message for six days at most, and keeps it for ever', async () => {
    const queue = open();
    const from = proxy.requests.length;
    await queue.schedule(wakeUp, systemClock.now() + 30 * 86_400_000);
    await queue.schedule(wakeUp, systemClock.now() + 90_000);
    const sent = proxy.requests
      .slice(from)
      .filter(({ method, tries, url }) => method === 'POST' && url.includes('messages') && tries === 0);
    const parameters = sent.map(({ url }) => new URL(url, 'http://queue').searchParams);
    expect(new Set(parameters.map((each) => each.get('visibilitytimeout')))).toEqual(new Set(['518400', '90']));
    expect(new Set(parameters.map((each) => each.get('messagettl')))).toEqual(new Set(['-1']));
  });

  test('hides a message anew that comes before its time, as each part of a long wait does', async () => {
    const queue = open();
    const due = systemClock.now() + 2_500;
    await put(encodeWakeUp(wakeUp, due));
    const delivered: number[] = [];
    queue.consume(async () => void delivered.push(systemClock.now()));
    await until(() => delivered.length > 0);
    expect(delivered[0]).toBeGreaterThanOrEqual(due);
    await until(async () => (await inQueue()) === 0);
    await queue.close();
    expect(delivered).toHaveLength(1);
  });

  test('puts aside what fails five times, as it was', async () => {
    const queue = open();
    let calls = 0;
    queue.consume(async () => {
      calls += 1;
      throw new Error('never');
    });
    await queue.schedule(wakeUp, 0);
    await until(async () => (await queue.poison()).count === 1);
    expect(calls).toBe(5);
    const { sample } = await queue.poison();
    expect(sample).toEqual([{ text: encodeWakeUp(wakeUp, 0), why: expect.stringContaining(wakeUp.runId) }]);
    await until(async () => (await inQueue()) === 0);
  });

  test('puts aside what it cannot read, at once', async () => {
    const queue = open();
    queue.consume(async () => {});
    await put('not for us');
    await until(async () => (await queue.poison()).count === 1);
    expect(await queue.poison()).toEqual({ count: 1, sample: [{ text: 'not for us', why: 'it is no JSON object' }] });
  });

  test('keeps a message hidden as long as it is handled, and then deletes it', async () => {
    const [queue, second] = [open({ visibilitySeconds: 1 }), open({ visibilitySeconds: 1 })];
    const events: string[] = [];
    const handler = async (): Promise<void> => {
      events.push('begins');
      await sleep(3_500);
      events.push('ends');
    };
    queue.consume(handler);
    second.consume(handler);
    await queue.schedule(wakeUp, 0);
    await until(() => events.includes('ends'));
    await until(async () => (await inQueue()) === 0);
    expect(events).toEqual(['begins', 'ends']);
  });

  test('tells of results and fences that Event Grid puts into it', async () => {
    const told: unknown[] = [];
    const queue = open({ onEvent: async (event) => void told.push(event) });
    queue.consume(async () => {});
    const event = (subject: string) => ({ eventType: 'Microsoft.Storage.BlobCreated', subject });
    await put(base64(event(`/blobServices/default/containers/errand/blobs/exchanges/${wakeUp.runId}/2/result.json`)));
    await until(() => told.length === 1);
    expect(told).toEqual([{ runId: wakeUp.runId, attempt: 2 }]);
    await until(async () => (await inQueue()) === 0);
  });

  test('is asked more and more rarely while it is empty', async () => {
    const queue = open({ idleMs: { shortest: 50, longest: 20_000 } });
    queue.consume(async () => {});
    const from = proxy.requests.length;
    await sleep(2_000);
    const asked = proxy.requests.slice(from).filter(({ method, url }) => method === 'GET' && url.includes(name));
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.length).toBeLessThan(10);
  });

  test('is asked when something is due that this process has put into it', async () => {
    const queue = open({ idleMs: { shortest: 50_000, longest: 50_000 } });
    const delivered: string[] = [];
    queue.consume(async ({ wakeId }) => void delivered.push(wakeId));
    await sleep(500);
    const start = performance.now();
    await queue.schedule(wakeUp, systemClock.now());
    await until(() => delivered.length === 1);
    await queue.schedule({ ...wakeUp, wakeId: 'later' }, systemClock.now() + 1_000);
    await until(() => delivered.length === 2);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('does the work once, and without a complaint, though every answer to a change of it was lost', async () => {
    const complaints: string[] = [];
    const complain = (_: object, message: string): void => void complaints.push(message);
    const queue = open({ logger: { ...silentLogger, warn: complain, error: complain } });
    let calls = 0;
    await put(encodeWakeUp(wakeUp, 0));
    proxy.decide = ({ method, tries }) => (method !== 'GET' && tries === 0 ? 'loseAnswer' : 'pass');
    queue.consume(async () => void (calls += 1));
    await until(async () => (await inQueue()) === 0);
    await queue.close();
    expect(calls).toBe(1);
    expect(complaints).toEqual([]);
  });

  test('aborts handlers that outlast its patience, and leaves their message to others', async () => {
    const queue = open({ patienceMs: 100, visibilitySeconds: 1 });
    const reasons: unknown[] = [];
    queue.consume(
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(new Error('cut off'));
          });
        }),
    );
    await queue.schedule(wakeUp, 0);
    await until(async () => (await inQueue()) === 1);
    await sleep(300);
    await queue.close();
    expect(reasons).toHaveLength(1);
    expect(await inQueue()).toBe(1);
  });

  test('goes on when the service is there again', async () => {
    const queue = open();
    proxy.decide = () => ({ status: 501 });
    const delivered: string[] = [];
    queue.consume(async ({ wakeId }) => void delivered.push(wakeId));
    await sleep(200);
    proxy.decide = () => 'pass';
    await queue.schedule(wakeUp, 0);
    await until(() => delivered.length === 1);
  });

  test.each([
    [
      { status: 403, headers: { 'x-ms-error-code': 'AuthorizationPermissionMismatch' } },
      /role Storage Queue Data Contributor/,
    ],
    [{ status: 429, headers: { 'retry-after': '7' } }, /busy/],
    [{ status: 501 }, /out of order/],
  ])('says what is wrong and how to mend it: %j', async (fate, message) => {
    proxy.decide = () => fate;
    const error: unknown = await open()
      .check()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'storageUnavailable', message: expect.stringMatching(message) });
    if (fate.status === 429) expect(error).toMatchObject({ retryAfterSeconds: 7 });
    expect(inspect(error, { depth: 9, showHidden: true, customInspect: false })).not.toMatch(/SharedKey|AccountKey/);
  });

  test('refuses names that cannot be a queue, and strings that are no connection, without quoting them', async () => {
    for (const wrong of ['', 'ab', 'A-b', 'a--b', '-ab', 'a'.repeat(57)])
      expect(() => open({ name: wrong })).toThrow(/cannot name a queue/);
    const queue = open({ connection: { connectionString: 'AccountKey=c2VjcmV0' } });
    const error: unknown = await queue.check().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'invalidConfiguration' });
    expect(String(error)).not.toContain('c2VjcmV0');
  });
});
