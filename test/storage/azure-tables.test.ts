import { inspect, isDeepStrictEqual } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { instant, systemClock } from '../../src/core/clock.ts';
import type { Storage } from '../../src/core/ports/storage.ts';
import type { QueuedRun, RunRecord } from '../../src/core/run-record.ts';
import { slotHolder } from '../../src/core/slot-holder.ts';
import { cells } from '../../src/storage/azure-cell.ts';
import { containerClient, defaultRetries } from '../../src/storage/azure-connection.ts';
import { azureTable } from '../../src/storage/azure-table.ts';
import { azureTablesStorage, type AzureTablesOptions } from '../../src/storage/azure-tables.ts';
import { slotQueueOf, slotRows } from '../../src/storage/azure-slot-queue.ts';
import { textBlobs } from '../../src/storage/azure-text-blobs.ts';
import { asciiJson, inlineUnits, texts } from '../../src/storage/azure-texts.ts';
import { sampleEnded, sampleEpoch, sampleRun, sampleRunId } from '../../src/testing/sample-run.ts';
import { connectionString, startAzurite, type Azurite } from '../support/azurite.ts';
import { startLossyProxy, type LossyProxy } from '../support/lossy-proxy.ts';
import { freshPrefix } from './support/azure-harness.ts';

let azurite: Azurite;
let proxy: LossyProxy;
let prefix: string;
const at = instant(sampleEpoch);
const dayMs = 86_400_000;

beforeAll(async () => {
  azurite = await startAzurite();
  proxy = await startLossyProxy(azurite.tableUrl);
});
afterAll(async () => {
  await proxy.stop();
  await azurite.stop();
});
beforeEach(() => {
  prefix = freshPrefix();
  proxy.decide = () => 'pass';
});

function open(options: Partial<AzureTablesOptions> = {}): Storage {
  const tableUrl = azurite.tableUrl.replace(new URL(azurite.tableUrl).origin, proxy.origin);
  const connection = { connectionString: connectionString({ ...azurite, tableUrl }) };
  const retries = { maxRetries: 1, retryDelayInMs: 5, maxRetryDelayInMs: 20 };
  return azureTablesStorage({ connection, prefix, clock: systemClock, retries, ...options });
}

/** A difference of a megabyte is of no use to anybody. */
async function sameAs(storage: Storage, run: RunRecord): Promise<boolean> {
  return isDeepStrictEqual(await storage.getRun(run.id), run);
}

async function blobNames(): Promise<string[]> {
  const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(
    `${prefix}-records`,
  );
  if (!(await container.exists())) return [];
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  return names;
}

/** Values of which none fits a property, and all together no entity. Each begins at another place relative to the pieces. */
function large(number: number, values: number): QueuedRun {
  const parameters = Array.from({ length: values }, (_, n) => ({
    name: `P${n}`,
    value: 'x'.repeat(n) + '\u{1f600}"'.repeat(6_500),
    secret: false,
  }));
  return sampleRun(number, { parameters });
}

test('a run that held slots and is removed leaves nothing in the indexes', async () => {
  const storage = open();
  const run = sampleRun(1);
  await storage.claimKey({ key: 'key', requestHash: 'hash', runId: run.id });
  await storage.createRun(run);
  for (const key of ['task:Demo', 'platform:azure-container-instances']) {
    const holder = slotHolder(run);
    expect(await storage.takeSlot({ key, holder, limit: 1, at })).toEqual({ held: true, position: 0 });
    await storage.releaseSlot(key, holder);
  }
  await storage.updateRun(sampleEnded(sampleRun(1, { version: 2 })));
  await storage.deleteRun(run.id);
  const left: string[] = [];
  const index = azureTable({ connectionString: azurite.connectionString }, `${prefix}index`, defaultRetries);
  for await (const page of index.pages("PartitionKey ge ''", {}))
    left.push(...page.map(({ partitionKey, rowKey }) => `${String(partitionKey)} ${String(rowKey)}`));
  expect(left).toEqual([]);
});

describe('records of every size', () => {
  test('come back as they went in, in the entity as long as it has room', async () => {
    const storage = open();
    for (const [number, values] of [1, 2, 4].entries()) {
      const run = large(number, values);
      await storage.createRun(run);
      expect(await sameAs(open(), run)).toBe(true);
    }
    expect(await blobNames()).toEqual([]);
  });

  test('go to a blob of their own beyond that, one for the version that counts, none for a removed run', async () => {
    const storage = open();
    const run = large(1, 100);
    expect(await storage.createRun(run)).toBe(true);
    expect(await storage.createRun({ ...run, operationId: 'other' })).toBe(false);
    expect(await blobNames()).toHaveLength(1);
    const next = { ...run, version: 2, operationId: 'next' };
    expect(await storage.updateRun(next)).toBe(true);
    expect(await storage.updateRun({ ...next, operationId: 'late' })).toBe(false);
    expect(await sameAs(open(), next)).toBe(true);
    expect(isDeepStrictEqual((await storage.listRuns({}, { limit: 5 })).runs, [next])).toBe(true);
    expect(await blobNames()).toHaveLength(1);
    expect(await storage.updateRun(sampleEnded(sampleRun(1, { version: 2 })))).toBe(true);
    expect(await blobNames()).toEqual([]);
  });

  test('leave no blob behind, though a write of one was cut off', async () => {
    const storage = open();
    const run = large(1, 6);
    await storage.createRun(run);
    proxy.decide = ({ method }) => (method === 'PUT' ? { status: 501 } : 'pass');
    await expect(storage.updateRun({ ...run, version: 2, operationId: 'next' })).rejects.toMatchObject({
      code: 'storageUnavailable',
    });
    proxy.decide = () => 'pass';
    expect(await blobNames()).toHaveLength(2);
    expect(await sameAs(storage, run)).toBe(true);
    await storage.deleteRun(run.id);
    expect(await blobNames()).toEqual([]);
  });

  test('values that no entity has room for are changed in the same way', async () => {
    const connection = { connectionString: azurite.connectionString };
    const retries = defaultRetries;
    const container = `${prefix}-records`;
    const values = cells<string>({
      table: azureTable(connection, `${prefix}state`, retries),
      texts: texts(textBlobs(() => containerClient(connection, { endpoint: undefined, container }, retries))),
      clock: systemClock,
      kind: 'test',
      empty: '',
      read: String,
      write: (value) => value,
    });
    const append = (piece: string) =>
      values.change('a/b', (value) => ({ value: value + piece.repeat(100_000), answer: value.length }), {});
    for (const piece of ['ab', 'cd', '\u{1f600}']) await append(piece);
    expect(await append('z')).toBe(600_000);
    expect((await values.get('a/b', {})).length).toBe(700_000);
    expect(await blobNames()).toHaveLength(1);
    await values.change('a/b', () => ({ value: 'small', answer: undefined }), {});
    for await (const { key, value } of values.all(undefined, {})) expect([key, value]).toEqual(['a/b', 'small']);
    expect(await blobNames()).toEqual([]);
  });
});

test('300 join one slot at once, and each gets it in its turn', async () => {
  const [storage, second] = [open(), open()];
  const holders = Array.from({ length: 300 }, (_, number) => sampleRunId(number));
  const before = proxy.requests.length;
  const answers = await Promise.all(
    holders.map((holder, n) => (n % 2 === 0 ? storage : second).takeSlot({ key: 'k', holder, limit: 3, at })),
  );
  expect(answers.filter(({ held }) => held)).toHaveLength(3);
  // One request for each run that joins, which is its reference, and some for the queue itself.
  expect(proxy.requests.length - before).toBeLessThan(600);
  const queue = await second.slotQueue('k');
  expect(new Set(queue.map(({ holder }) => holder)).size).toBe(300);
  const waiting = queue.filter(({ held }) => !held).map(({ holder }) => holder);
  for (let turn = 0; turn < 5; turn += 1) {
    const [next] = (await storage.slotQueue('k')).filter(({ held }) => held);
    expect(await storage.releaseSlot('k', next?.holder ?? '')).toBe(waiting[turn]);
    const taken = await second.takeSlot({ key: 'k', holder: waiting[turn] ?? '', limit: 3, at });
    expect(taken).toEqual({ held: true, position: 0 });
  }
});

test('2,000 who wait for one slot fit an entity', () => {
  const places = Array.from({ length: 2_000 }, (_, number) => ({
    holder: sampleRunId(number),
    held: false,
    units: 1,
    limit: 100,
    since: sampleEpoch,
  }));
  expect(slotQueueOf(slotRows(places))).toEqual(places);
  expect(asciiJson(slotRows(places)).length).toBeLessThan(inlineUnits / 3);
});

describe('listing', () => {
  const entitiesRead = (from: number): number => {
    const read = proxy.answers.filter(({ request }) => request.index >= from && request.method === 'GET');
    return read.reduce((sum, { body }) => sum + body.split('"RowKey"').length - 1, 0);
  };
  /** As {@link sampleRun}, accepted so many days later. */
  const runOf = (day: number, number: number): QueuedRun => {
    const id = sampleRunId(Math.floor((day * dayMs) / 1000) + number);
    return sampleRun(number, { id, taskName: number === 0 ? 'Rare' : 'StopVM', operationId: id });
  };

  test('merges shards and days, and reads little more than the page', async () => {
    const storage = open();
    const runs = [0, 1, 40].flatMap((day) => Array.from({ length: 60 }, (_, number) => runOf(day, number)));
    const ids = runs.map(({ id }) => id).toReversed();
    await Promise.all(runs.map((run) => storage.createRun(run)));
    const between = [1, 2, 3].map((number) => runOf(20, number));
    for (const run of between) await storage.createRun(run);
    ids.splice(60, 0, ...between.map(({ id }) => id).toReversed());

    const from = proxy.requests.length;
    const first = await storage.listRuns({}, { limit: 10 });
    expect(first.runs.map(({ id }) => id)).toEqual(ids.slice(0, 10));
    expect(entitiesRead(from)).toBeLessThan(30);
    expect(proxy.requests.length - from).toBeLessThan(12);

    const listed: string[] = [];
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await storage.listRuns({}, { limit: 50, cursor });
      listed.push(...page.runs.map(({ id }) => id));
      cursor = page.cursor;
    }
    expect(listed).toEqual(ids);

    const rareFrom = proxy.requests.length;
    const rare = await storage.listRuns({ taskName: 'Rare' }, { limit: 10 });
    expect(rare.runs.map(({ id }) => id)).toEqual([40, 1, 0].map((day) => runOf(day, 0).id));
    expect(rare.cursor).toBeUndefined();
    expect(entitiesRead(rareFrom)).toBeLessThan(10);
    // Three days with four shards each, and four looks for a further day. The day without such a run is none of them.
    expect(proxy.requests.length - rareFrom).toBe(16);

    const since = instant(sampleEpoch + dayMs + 30_000);
    const recent = await storage.listRuns({ since }, { limit: 200 });
    expect(recent.runs.map(({ id }) => id)).toEqual(ids.slice(0, 93));
  });

  test('takes filters with more comparisons than the service does', async () => {
    const storage = open();
    const labels = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`label/${n}`, `it's ${n}`]));
    await storage.createRun(sampleRun(1, { labels }));
    await storage.createRun(sampleRun(2, { labels: { ...labels, 'label/15': 'another' } }));
    const states = ['queued', 'starting', 'running', 'failed', 'lost'] as const;
    const from = proxy.requests.length;
    const { runs } = await storage.listRuns({ labels, states, taskName: 'StopVM', since: at }, { limit: 5 });
    expect(runs.map(({ id }) => id)).toEqual([sampleRunId(1)]);
    for (const { url } of proxy.requests.slice(from))
      expect(
        url.match(/ (?:eq|ne|gt|ge|lt|le) /g)?.length ?? url.match(/\+(?:eq|ne|gt|ge|lt|le)\+/g)?.length,
      ).toBeLessThanOrEqual(15);
  });
});

describe('a storage account that does not do as asked', () => {
  const odata = (code: string): string => JSON.stringify({ 'odata.error': { code, message: { value: code } } });
  const headers = { 'content-type': 'application/json' };

  test.each([
    [{ status: 403, headers, body: odata('AuthorizationPermissionMismatch') }, /role Storage Table Data Contributor/],
    [{ status: 401, headers, body: odata('InvalidAuthenticationInfo') }, /role Storage Table Data Contributor/],
    [{ status: 403, headers, body: odata('AuthenticationFailed') }, /key is wrong or was rotated.*clock/],
    [{ status: 403, headers, body: odata('KeyBasedAuthenticationNotPermitted') }, /leave the connection string out/],
    [{ status: 403, headers, body: odata('AuthorizationFailure') }, /network rules/],
    [{ status: 500, headers, body: odata('InternalError') }, /tries again by itself/],
    ['loseRequest', /cannot be reached \(ECONNRESET/],
  ] as const)('%j is said to be so, with the way out', async (fate, message) => {
    proxy.decide = () => fate;
    const error: unknown = await open()
      .getRun(sampleRunId(1))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'storageUnavailable', message: expect.stringMatching(message) });
    await expect(open().check()).rejects.toMatchObject({ code: 'storageUnavailable' });
  });

  test.each([429, 503])('%j is asked again when it says, and then passed on', async (status) => {
    const storage = open();
    await storage.createRun(sampleRun(1));
    const busy = { status, headers: { ...headers, 'retry-after': '1' }, body: odata('ServerBusy') };
    let answered = 0;
    proxy.decide = () => ((answered += 1) === 1 ? busy : 'pass');
    const start = performance.now();
    expect(await storage.getRun(sampleRunId(1))).toBeDefined();
    expect(performance.now() - start).toBeGreaterThan(900);
    proxy.decide = () => ({ ...busy, headers: { ...busy.headers, 'retry-after': '7' } });
    const impatient = open({ retries: { maxRetries: 0, retryDelayInMs: 1, maxRetryDelayInMs: 1 } });
    await expect(impatient.getRun(sampleRunId(1))).rejects.toMatchObject({
      code: 'storageUnavailable',
      retryAfterSeconds: 7,
    });
  });

  test('nothing that it is told in secret is in the error', async () => {
    proxy.decide = () => ({ status: 403, headers, body: odata('AuthenticationFailed') });
    const error: unknown = await open()
      .getRun(sampleRunId(1))
      .catch((thrown: unknown) => thrown);
    const everything = inspect(error, { depth: 9, showHidden: true, customInspect: false });
    expect(everything).toContain('AuthenticationFailed');
    expect(everything).not.toMatch(/SharedKey|authorization"|AccountKey/i);
  });

  test('a signal that is aborted meanwhile ends the wait', async () => {
    proxy.decide = () => ({ status: 503, headers: { 'retry-after': '30' } });
    const signal = AbortSignal.timeout(100);
    await expect(open().getRun(sampleRunId(1), { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('an index that cannot be written after the record does not make the write fail', async () => {
    const storage = open();
    await storage.createRun(sampleRun(1));
    proxy.decide = ({ method, url }) => (method === 'PUT' && url.includes('index') ? { status: 501 } : 'pass');
    const next = { ...sampleRun(1), version: 2, operationId: 'next' };
    expect(await storage.updateRun(next)).toBe(true);
    expect(await storage.getRun(next.id)).toEqual(next);
  });
});

describe('what cannot work is refused before anything is sent', () => {
  const connection = { connectionString: 'AccountKey=c2VjcmV0' };

  test('names of tables', () => {
    for (const wrong of ['', '1a', 'a-b', 'A', 'a'.repeat(41)]) {
      expect(() => azureTablesStorage({ connection, prefix: wrong, clock: systemClock })).toThrow(
        /cannot begin the names/,
      );
    }
  });

  test('a connection string that is none, without quoting it', async () => {
    const storage = azureTablesStorage({ connection, clock: systemClock });
    const error: unknown = await storage.check().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'invalidConfiguration' });
    expect(String(error)).not.toContain('c2VjcmV0');
  });

  test('an endpoint that does not tell where the blobs are', () => {
    const credential = { getToken: async () => null };
    const opened = (endpoint: string) => () =>
      azureTablesStorage({ connection: { endpoint, credential }, clock: systemClock });
    expect(opened('https://tables.example')).toThrow(/endpoint of the blob service/);
    expect(opened('account')).toThrow(/is no address/);
    expect(opened('https://account.table.core.windows.net')).not.toThrow();
  });

  test('ids that cannot be one', async () => {
    for (const id of ['', 'x', "' or true", '../..', 'ı'.repeat(26)]) expect(await open().getRun(id)).toBeUndefined();
  });
});
