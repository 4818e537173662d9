import { inspect } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterEach, describe, expect, test } from 'vitest';
import { blobIn } from '../../src/artifacts/azure-blob-container.ts';
import { azureBlobs } from '../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ArtifactStore } from '../../src/core/ports/artifact-store.ts';
import { bytesOf, openSample, sampleInstant, samplePlan, sha256Of, textOf } from '../../src/testing/sample-exchange.ts';
import { foreignTaskNames } from '../hostile/corpus.ts';
import { azuriteAccount, azuriteKey, connectionString } from '../support/azurite.ts';
import { blobHands } from './support/blob-hands.ts';
import { startBlobProxy, type Asked, type BlobProxy, type Decision } from './support/blob-proxy.ts';
import { freshAttempt, freshName, storeOn, useAzurite } from './support/blob-store.ts';

const azurite = useAzurite();
const proxies: BlobProxy[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.stop();
});

/** A store whose requests can be seen and answered in Azure's place. */
async function behindProxy(): Promise<{ store: ArtifactStore; proxy: BlobProxy; tasksContainer: string }> {
  const proxy = await startBlobProxy(azurite().blobUrl);
  proxies.push(proxy);
  const blobUrl = `http://127.0.0.1:${proxy.port}/${azuriteAccount}`;
  const connection = { connectionString: connectionString({ blobUrl, queueUrl: blobUrl, tableUrl: blobUrl }) };
  const tasksContainer = freshName('tasks');
  return { store: storeOn(azurite(), { connection, tasksContainer }), proxy, tasksContainer };
}

const service = (): BlobServiceClient => BlobServiceClient.fromConnectionString(azurite().connectionString);
const by = (message: string) =>
  ({ by: 'orchestrator', why: { kind: 'notCreated' }, message, at: sampleInstant(1) }) as const;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Loses the answer to the first request of each kind. */
function losingFirst(isMeant: (asked: Asked) => boolean): (asked: Asked) => Decision {
  const met = new Set<string>();
  return (asked) => {
    const kind = `${asked.method} ${asked.path} ${asked.query.get('comp') ?? ''}`;
    if (!isMeant(asked) || met.has(kind)) return 'pass';
    met.add(kind);
    return 'lose';
  };
}

describe('files beside the task definitions', () => {
  test('one whose download breaks off in the middle is an outage, and not an abort that nobody asked for', async () => {
    const { store, proxy } = await behindProxy();
    await store.put('broken.sh', Buffer.from('#!/bin/sh\necho whole\n'));
    proxy.decide = ({ method }) => (method === 'GET' ? 'break' : 'pass');
    await expect(store.get('broken.sh')).rejects.toMatchObject({
      code: 'artifactsUnavailable',
      message: expect.stringContaining('broke off'),
    });
    proxy.decide = () => 'pass';
    expect(await store.get('broken.sh')).toMatchObject({ body: Buffer.from('#!/bin/sh\necho whole\n') });
  });

  test('of a file that somebody uploaded by hand the hash is computed once per ETag; of our own it is noted', async () => {
    const { store, proxy, tasksContainer } = await behindProxy();
    await store.check();
    const upload = async (text: string): Promise<void> => {
      await service().getContainerClient(tasksContainer).getBlockBlobClient('hand.sh').upload(text, text.length);
    };
    const reads = (): number =>
      proxy.seen.filter(({ method, path }) => method === 'GET' && path.endsWith('.sh')).length;
    await upload('one');
    expect(await store.describe('hand.sh')).toMatchObject({ bytes: 3, sha256: sha256Of('one') });
    await store.describe('hand.sh');
    expect(reads()).toBe(1);
    await upload('two');
    expect(await store.describe('hand.sh')).toMatchObject({ sha256: sha256Of('two') });
    expect(reads()).toBe(2);
    await store.put('ours.sh', bytesOf('three'));
    expect(await store.describe('ours.sh')).toMatchObject({ sha256: sha256Of('three') });
    expect(reads()).toBe(2);
  });

  test('a hash is not believed of a blob that can be changed in place', async () => {
    const tasksContainer = freshName('tasks');
    const store = storeOn(azurite(), { tasksContainer });
    await store.check();
    const blob = service().getContainerClient(tasksContainer).getAppendBlobClient('log.sh');
    await blob.create({ metadata: { sha256: sha256Of('') } });
    await blob.appendBlock('x', 1);
    expect(await store.describe('log.sh')).toMatchObject({ sha256: sha256Of('x') });
  });

  test('no hostile name reaches anything but the blob of exactly that name', async () => {
    const { store, proxy, tasksContainer } = await behindProxy();
    await store.put('Strict.sh', bytesOf('x'));
    proxy.seen.length = 0;
    for (const name of foreignTaskNames) {
      expect(await store.get(name)).toBeUndefined();
      expect(await store.describe(`${name}/../Strict.sh`)).toBeUndefined();
      expect(await store.delete(name)).toBe(true);
    }
    expect(proxy.seen.length).toBeGreaterThan(0);
    for (const { path } of proxy.seen)
      expect(path).toMatch(new RegExp(`^/${azuriteAccount}/${tasksContainer}/[\\w.-]+$`));
    expect(
      textOf(await service().getContainerClient(tasksContainer).getBlobClient('Strict.sh').downloadToBuffer()),
    ).toBe('x');
  });

  test('an address that would leave its blob container is not made', async () => {
    const [tasks, secrets] = [freshName('tasks'), freshName('secrets')];
    await service().createContainer(secrets);
    await service().getContainerClient(secrets).getBlockBlobClient('db.txt').upload('secret', 6);
    const container = service().getContainerClient(tasks);
    const name = `../${secrets}/db.txt`;
    // What the check is for: the SDK itself reads another container's blob.
    expect((await container.getBlobClient(name).downloadToBuffer()).toString()).toBe('secret');
    expect(() => blobIn(container, name)).toThrow('is no name of a blob');
    const made = foreignTaskNames.flatMap((bad) => {
      try {
        return [[bad, blobIn(container, bad).url] as const];
      } catch (error) {
        expect(String(error)).toMatch(/is no name of a blob|Unable to extract blobName/);
        return [];
      }
    });
    expect(foreignTaskNames.length - made.length).toBeGreaterThan(30);
    for (const [bad, url] of made) expect(new URL(url).pathname).toBe(`/${azuriteAccount}/${tasks}/${bad}`);
    expect(blobIn(container, 'exchanges/x/1/files/0').name).toBe('exchanges/x/1/files/0');
  });
});

describe('an answer that is lost', () => {
  test('does not turn a success into a conflict: files', async () => {
    const { store, proxy } = await behindProxy();
    await store.check();
    proxy.decide = losingFirst(({ path }) => /\.(?:sh|json)$/.test(path));
    const created = await store.put('a.sh', bytesOf('one'), { ifNoneMatch: '*' });
    expect(created).toMatchObject({ bytes: 3 });
    proxy.decide = losingFirst(({ path }) => path.endsWith('.sh'));
    const replaced = await store.put('a.sh', bytesOf('more'), { ifMatch: created === false ? '' : created.etag });
    expect(replaced).toEqual(await store.get('a.sh').then((got) => got?.info));
    expect(await store.put('a.sh', bytesOf('two'), { ifNoneMatch: '*' })).toBe(false);
    proxy.decide = losingFirst(({ method }) => method === 'DELETE');
    expect(await store.delete('a.sh', { ifMatch: replaced === false ? '' : replaced.etag })).toBe(true);
  });

  test('does not turn a success into a conflict: an exchange from beginning to end', async () => {
    const { store, proxy } = await behindProxy();
    await store.check();
    const ref = freshAttempt();
    proxy.decide = losingFirst(() => true);
    const access = await openSample(store, ref);
    const exchange = store.exchange(ref);
    expect(await exchange.takeFence(by('ours'))).toEqual({ won: true, fence: by('ours') });
    expect(await exchange.takeFence(by('late'))).toEqual({ won: false, fence: by('ours') });
    proxy.decide = () => 'pass';
    await blobHands(access).log('one\n');
    proxy.decide = losingFirst(() => true);
    const collected = await exchange.collect(undefined);
    expect(collected.log).toMatchObject({ bytes: 4, lines: 1 });
    await exchange.discard();
    expect(await exchange.collect(undefined)).toEqual(collected);
    await store.deleteRun(ref.runId);
    expect(await exchange.readLog({ offset: 0, length: 1 })).toBeUndefined();
    const puts = proxy.seen.filter(({ method, path }) => method === 'PUT' && path.endsWith('/collected.json'));
    expect(puts).toHaveLength(2);
  });

  test('of a lost answer to somebody else it makes no success', async () => {
    const { store, proxy } = await behindProxy();
    await store.put('a.sh', bytesOf('theirs'));
    proxy.decide = losingFirst(({ path }) => path.endsWith('.sh'));
    expect(await store.put('a.sh', bytesOf('ours'), { ifNoneMatch: '*' })).toBe(false);
  });
});

describe('what goes wrong is told in our words', () => {
  const answers: [decision: Decision, message: RegExp, retryAfterSeconds?: number][] = [
    [{ status: 403, code: 'AuthorizationPermissionMismatch' }, /Storage Blob Data Owner.*Storage Blob Delegator/],
    [{ status: 403, code: 'AuthorizationFailure' }, /firewall.*Storage Blob Data Owner/],
    [{ status: 403, code: 'AuthenticationFailed' }, /account key is wrong, or the clock/],
    [{ status: 403, code: 'KeyBasedAuthenticationNotPermitted' }, /takes no account keys/],
    [{ status: 401, code: 'NoAuthenticationInformation' }, /does not take our credentials/],
    [{ status: 503, code: 'ServerBusy', headers: { 'retry-after': '7' } }, /busy.*503 ServerBusy/, 7],
    [{ status: 429, code: 'TooManyRequests', headers: { 'retry-after': '9' } }, /busy/, 9],
    [{ status: 409, code: 'ContainerBeingDeleted' }, /409 ContainerBeingDeleted/],
  ];
  test.each(answers)('%o', async (decision, message, retryAfterSeconds) => {
    const { store, proxy } = await behindProxy();
    proxy.decide = () => decision;
    const exchange = store.exchange(freshAttempt());
    const calls = [
      () => store.put('a.sh', bytesOf('x'), { ifNoneMatch: '*' }),
      () => store.get('a.sh'),
      () => store.check(),
      () => exchange.result(),
      () => exchange.takeFence(by('ours')),
      () => exchange.readLog({ offset: 0, length: 1 }),
      () => all(store.list()),
    ];
    const settled = await Promise.allSettled(calls.map((call) => call()));
    for (const outcome of settled) {
      const error: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
      expect(error).toMatchObject({
        code: 'artifactsUnavailable',
        message: expect.stringMatching(message),
        retryAfterSeconds,
      });
      // The SDK's own error would bring the request along, with its authorization.
      const cause = error instanceof Error ? error.cause : undefined;
      expect(cause).toBeInstanceOf(Error);
      expect(Object.getOwnPropertyNames(cause).toSorted()).toEqual(['code', 'message', 'name', 'stack', 'statusCode']);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/SharedKey|authorization'?:|sig=/);
    }
  });

  test('no answer at all', async () => {
    const { store, proxy } = await behindProxy();
    proxy.stop();
    await expect(store.get('a.sh')).rejects.toMatchObject({
      code: 'artifactsUnavailable',
      message: expect.stringMatching(/127\.0\.0\.1:\d+.* does not answer \(.*ECONNREFUSED/),
    });
  });

  test('no token', async () => {
    const getToken = () =>
      Promise.reject(
        Object.assign(new Error('the managed identity is not there'), { name: 'CredentialUnavailableError' }),
      );
    const store = azureBlobs({
      connection: { endpoint: 'https://127.0.0.1:9', credential: { getToken } },
      clock: systemClock,
    });
    await expect(store.check()).rejects.toMatchObject({
      code: 'artifactsUnavailable',
      message: expect.stringContaining('the managed identity is not there'),
    });
  });

  test.each([
    ['that is empty', '', /cannot be read/],
    ['that is a part of one', `AccountKey=${azuriteKey}`, /cannot be read/],
    ['without a key', 'BlobEndpoint=http://127.0.0.1:9/a;SharedAccessSignature=sv=1&sig=abc', /has no AccountKey/],
  ])('a connection string %s, of which nothing is quoted', async (_, text, message) => {
    const store = azureBlobs({ connection: { connectionString: text }, clock: systemClock });
    const error: unknown = await store.get('a.sh').then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'invalidConfiguration', message: expect.stringMatching(message) });
    expect(inspect(error, { depth: 10 })).not.toMatch(/Eby8|sig=abc/);
  });

  test('a call that is aborted says so', async () => {
    const store = storeOn(azurite());
    const reason = new Error('enough');
    await expect(store.get('a.sh', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const { store: slow, proxy } = await behindProxy();
    const stop = new AbortController();
    proxy.decide = () => {
      stop.abort(reason);
      return { status: 503, code: 'ServerBusy' };
    };
    await expect(slow.get('a.sh', { signal: stop.signal })).rejects.toBe(reason);
  });
});

test('a log that grows while it is looked at is read', async () => {
  const { store, proxy } = await behindProxy();
  const ref = freshAttempt();
  const hands = blobHands(await openSample(store, ref));
  let grown = false;
  proxy.decide = async ({ method, path }) => {
    if (grown || method !== 'GET' || !path.endsWith('/log')) return 'pass';
    grown = true;
    await hands.log('grown\n');
    return { status: 416, code: 'InvalidRange' };
  };
  const slice = await store.exchange(ref).readLog({ offset: 0, length: 100 });
  expect([textOf(slice?.bytes), slice?.size]).toEqual(['grown\n', 6]);
});

test('a run is forgotten with its sealed logs, its snapshots and all that a hostile task may still create', async () => {
  const exchangesContainer = freshName('errand');
  const store = storeOn(azurite(), { exchangesContainer });
  const ref = freshAttempt();
  const access = await openSample(store, ref);
  const hands = blobHands(access);
  await hands.log('line\n');
  await hands.file('a', 'x');
  await store.exchange(ref).collect(undefined);
  const container = service().getContainerClient(exchangesContainer);
  await container.getBlobClient(`exchanges/${ref.runId}/1/files/0`).createSnapshot();
  await store.exchange(ref).discard();
  await hands.result('{}');
  await hands.file('b', 'late');
  await store.deleteRun(ref.runId);
  expect(await all(container.listBlobsFlat({ includeSnapshots: true }))).toEqual([]);
  // What comes later still is found by the sweep.
  await hands.output('{}');
  expect(await all(store.listRuns())).toEqual([ref.runId]);
});

test('a push while the container is on its way takes nothing from the run that it is for', async () => {
  const store = storeOn(azurite());
  const put = await store.put('task.sh', bytesOf('one'));
  const plan = samplePlan('task.sh', 'one');
  await store.versions.put(plan.executable.kept, bytesOf('one'));
  const etag = put === false ? '' : put.etag;
  const access = await store.exchange(freshAttempt()).open({ ...plan, executable: { ...plan.executable, etag } });
  await store.put('task.sh', bytesOf('two'));
  if (access.kind !== 'signedUrls') throw new TypeError('this store gives signed URLs');
  const { ERRAND_EXECUTABLE_URL: url = '', ERRAND_EXECUTABLE_ETAG: pinned = '' } = access.secure;
  const answer = await fetch(url, { headers: { 'If-Match': pinned } });
  expect([answer.status, await answer.text()]).toEqual([200, 'one']);
});

test('the plan of a run that was accepted with another text of the executable is refused', async () => {
  const store = storeOn(azurite());
  const put = await store.put('task.sh', bytesOf('one'));
  const etag = put === false ? '' : put.etag;
  const plan = samplePlan('task.sh', 'one');
  const open = () => store.exchange(freshAttempt()).open({ ...plan, executable: { ...plan.executable, etag } });
  await open();
  await store.put('task.sh', bytesOf('two'));
  await expect(open()).rejects.toMatchObject({
    code: 'executableMissing',
    message: expect.stringContaining('changed'),
  });
  // The same text again, with another ETag, is what was pinned.
  await store.put('task.sh', bytesOf('one'));
  const access = await open();
  const now = (await store.describe('task.sh'))?.etag;
  expect(access.kind === 'signedUrls' && access.secure['ERRAND_EXECUTABLE_ETAG']).toBe(`"${now}"`);
});
