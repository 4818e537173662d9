import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { sampleResult } from '../../src/testing/exchange-conformance.ts';
import { sha256Of, until } from '../../src/testing/sample-exchange.ts';
import { azuriteAccount } from '../support/azurite.ts';
import { blobHands, createOnly } from './support/blob-hands.ts';
import { startBlobProxy } from './support/blob-proxy.ts';
import { clockAhead, freshAttempt, freshName, openFor, storeOn, useAzurite } from './support/blob-store.ts';

const azurite = useAzurite({ oauth: true });
const trusted = getCACertificates();
afterAll(() => setDefaultCACertificates(trusted));

const script = '#!/bin/sh\necho hi\n';

function withKey(changes: Parameters<typeof storeOn>[1] = {}) {
  setDefaultCACertificates([...trusted, azurite().ca ?? '']);
  return storeOn(azurite(), changes);
}

function withToken(changes: Parameters<typeof storeOn>[1] = {}) {
  const { blobUrl, credential } = azurite();
  if (credential === undefined) throw new Error('Azurite was started without tokens');
  return withKey({ connection: { endpoint: blobUrl, credential }, ...changes });
}

/** What each signature permits, by the variable that has it; of the files the first and the last. */
function signatures(secure: Readonly<Record<string, string>>): Record<string, URL> {
  const files = (secure['ERRAND_FILE_URLS'] ?? '').split('\n');
  expect(files).toHaveLength(16);
  const named = Object.entries(secure).filter(([name]) => name.endsWith('_URL'));
  const urls = [...named, ['first file', files[0]], ['last file', files.at(-1)]];
  return Object.fromEntries(urls.map(([name, url]) => [name, new URL(url ?? '')]));
}

const ask = async (url: URL | string, method: string, headers: Record<string, string> = {}, body?: string) => {
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
  await answer.arrayBuffer();
  return answer.status;
};

describe.each([
  ['the account key', withKey],
  ['a user delegation key', withToken],
])('signed with %s', (kind, make) => {
  test('each URL permits one thing on one blob, over https, for as long as it is needed', async () => {
    const store = make();
    const ref = freshAttempt();
    const before = Date.now();
    const { secure } = await openFor(store, ref, script, { runSeconds: 600, graceSeconds: 30 });
    const urls = signatures(secure);
    const folder = `/exchanges/${ref.runId}/1/`;
    const expected: Record<string, [permissions: string, end: string, seconds: number]> = {
      ERRAND_EXECUTABLE_URL: ['r', `/${secure['ERRAND_SCRIPT_NAME']}`, 3_600],
      ERRAND_FENCE_URL: ['rc', `${folder}fence`, 11_430],
      ERRAND_RESULT_URL: ['rc', `${folder}result.json`, 11_430],
      ERRAND_LOG_URL: ['a', `${folder}log`, 11_430],
      ERRAND_OUTPUT_URL: ['c', `${folder}output.json`, 11_430],
      'first file': ['c', `${folder}files/0`, 11_430],
      'last file': ['c', `${folder}files/15`, 11_430],
    };
    expect(Object.keys(urls).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const [name, [permissions, end, seconds]] of Object.entries(expected)) {
      const url = urls[name];
      const given = Object.fromEntries(url?.searchParams ?? []);
      expect(url?.pathname.endsWith(end)).toBe(true);
      expect(given).toMatchObject({ sp: permissions, sr: 'b', spr: 'https' });
      expect(given).not.toHaveProperty('st');
      const lasts = (Date.parse(given['se'] ?? '') - before) / 1000;
      expect(lasts).toBeGreaterThan(seconds - 5);
      expect(lasts).toBeLessThanOrEqual(seconds + 60);
      if (kind === 'a user delegation key')
        expect(Date.parse(given['ske'] ?? '')).toBeGreaterThanOrEqual(Date.parse(given['se'] ?? ''));
    }
  });

  test('on another blob, with another verb, or to overwrite it is refused', async () => {
    const store = make();
    const [ref, other] = [freshAttempt(), freshAttempt()];
    const [mine, theirs] = [await openFor(store, ref, script), await openFor(store, other, script)];
    const urls = signatures(mine.secure);
    for (const url of Object.values(urls)) {
      for (const foreign of Object.values(signatures(theirs.secure))) {
        const moved = new URL(foreign);
        moved.search = url.search;
        expect(await ask(moved, 'GET')).toBe(403);
        expect(await ask(moved, 'PUT', createOnly, 'x')).toBe(403);
      }
      expect(await ask(url, 'DELETE')).toBe(403);
      const container = new URL(
        `${url.pathname.split('/').slice(0, 3).join('/')}${url.search}&restype=container&comp=list`,
        url,
      );
      expect(await ask(container, 'GET')).toBe(403);
    }
    for (const name of ['ERRAND_LOG_URL', 'ERRAND_OUTPUT_URL', 'first file'])
      expect(await ask(urls[name] ?? '', 'GET')).toBe(403);
    for (const name of ['ERRAND_EXECUTABLE_URL', 'ERRAND_LOG_URL'])
      expect(await ask(urls[name] ?? '', 'PUT', createOnly, 'x')).toBe(403);
    for (const name of ['ERRAND_FENCE_URL', 'ERRAND_RESULT_URL', 'ERRAND_OUTPUT_URL', 'first file']) {
      expect(await ask(urls[name] ?? '', 'PUT', createOnly, 'first')).toBe(201);
      for (const headers of [createOnly, { 'x-ms-blob-type': 'BlockBlob' }])
        expect([403, 409]).toContain(await ask(urls[name] ?? '', 'PUT', headers, 'second'));
    }
    expect(await (await fetch(urls['ERRAND_FENCE_URL'] ?? '')).text()).toBe('first');
    // The attempt next to it has noticed nothing.
    expect(await store.exchange(other).fence()).toBeUndefined();
  }, 60_000);
});

test('a user delegation key serves for four hours, is asked for once by many at a time, and outlasts the longest run', async () => {
  let hours = 0;
  let calls = 0;
  // Later with each look at it, so that no two keys begin at the same second.
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + hours * 3_600_000 + (calls += 1) * 1_000 };
  const store = withToken({ clock });
  const open = async (): Promise<URLSearchParams> => {
    const longest = { runSeconds: 518_400, graceSeconds: 600 };
    const { secure } = await openFor(store, freshAttempt(), script, longest);
    return new URL(secure['ERRAND_RESULT_URL'] ?? '').searchParams;
  };
  const time = (query: URLSearchParams, name: string): number => Date.parse(query.get(name) ?? '');
  const firsts = await Promise.all([open(), open(), open()]);
  hours = 3.9;
  const late = await open();
  expect(new Set([...firsts, late].map((query) => query.get('skt'))).size).toBe(1);
  expect((time(late, 'se') - clock.now()) / 1000).toBeGreaterThan(518_400 + 600 + 3 * 3_600 - 120);
  expect(time(late, 'se')).toBeLessThan(time(late, 'ske'));
  hours = 4.1;
  expect((await open()).get('skt')).not.toBe(late.get('skt'));
});

test('runners may see the storage at another address', async () => {
  const plain = azurite();
  const proxy = await startBlobProxy(plain.blobUrl);
  try {
    const store = withKey({ runnerEndpoint: `http://runner-sees.example:${proxy.port}/${azuriteAccount}/` });
    const { secure } = await openFor(store, freshAttempt(), script);
    const url = new URL(secure['ERRAND_FENCE_URL'] ?? '');
    expect(url.host).toBe(`runner-sees.example:${proxy.port}`);
    expect(url.searchParams.get('spr')).toBe('https,http');
    // The host is not part of what is signed.
    const seen = new URL(plain.blobUrl);
    url.protocol = seen.protocol;
    url.host = seen.host;
    expect(await ask(url, 'PUT', createOnly, 'x')).toBe(201);
  } finally {
    proxy.stop();
  }
});

describe('what a hostile task may still do to its exchange', () => {
  test('a fence in the name of an orchestrator is the runner’s; anything else there is, too', async () => {
    const store = withKey();
    const forged =
      '{"version":1,"by":"orchestrator","why":{"kind":"canceled"},"message":"no","at":"2026-01-01T00:00:00.000Z"}\n';
    for (const text of [forged, '', 'x'.repeat(100_000)]) {
      const ref = freshAttempt();
      const { secure } = await openFor(store, ref, script);
      await blobHands({ kind: 'signedUrls', plain: {}, secure }).takeFence(text);
      expect(await store.exchange(ref).fence()).toMatchObject({ by: 'runner', nonce: '' });
    }
  });

  test('a collected log is sealed; what is created late is no result and no output', async () => {
    const store = withKey();
    const ref = freshAttempt();
    const { secure } = await openFor(store, ref, script);
    const hands = blobHands({ kind: 'signedUrls', plain: {}, secure });
    await hands.log('one\n');
    await hands.file('a.txt', 'first');
    const exchange = store.exchange(ref);
    const result = sampleResult('one\n', { files: [{ name: 'a.txt', bytes: 5, slot: 0 }] });
    const collected = await exchange.collect(result);
    await expect(hands.log('two\n')).rejects.toThrow(/409|412/);
    await exchange.discard();
    await expect(hands.log('two\n')).rejects.toThrow(/409|412/);
    const logUrl = secure['ERRAND_LOG_URL'] ?? '';
    expect(await ask(logUrl, 'PUT', { 'x-ms-blob-type': 'AppendBlob', 'content-length': '0' })).toBe(403);
    await hands.result(JSON.stringify(sampleResult('other')));
    await hands.file('late', 'late');
    expect(await exchange.result()).toBeUndefined();
    expect(await exchange.collect(sampleResult('other'))).toEqual(collected);
    expect((await exchange.readLog({ offset: 0, length: 99 }))?.size).toBe(4);
    expect(await new Response((await exchange.readFile('a.txt'))?.body).text()).toBe('first');
  });

  test('of a log without end the cap is taken, and the runner’s word on it is not', async () => {
    const store = withKey();
    const ref = freshAttempt();
    const { secure } = await openFor(store, ref, script, { logMaxBytes: 10_000 });
    await blobHands({ kind: 'signedUrls', plain: {}, secure }).log('x'.repeat(50_000));
    const cap = 10_000 + 4_096;
    const slice = await store.exchange(ref).readLog({ offset: cap - 5, length: 100 });
    expect([slice?.bytes.length, slice?.size]).toEqual([5, cap]);
    expect((await store.exchange(ref).readLog({ offset: cap + 5, length: 100 }))?.bytes.length).toBe(0);
    const claimed = { bytes: cap, lines: 1, droppedBytes: 0, complete: true };
    expect((await store.exchange(ref).collect(sampleResult('', { log: claimed }))).log).toEqual({
      bytes: cap,
      lines: 1,
      sha256: sha256Of('x'.repeat(cap)),
      truncated: false,
      droppedBytes: 0,
      complete: false,
    });
  });

  test('files that are named twice, lie nowhere or are not there are left out', async () => {
    const warnings: string[] = [];
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      error: () => {},
      warn: (details) => void warnings.push(JSON.stringify(details)),
    };
    const store = withKey({ logger });
    const ref = freshAttempt();
    const { secure } = await openFor(store, ref, script);
    await blobHands({ kind: 'signedUrls', plain: {}, secure }).file('a', 'content');
    const files = [
      { name: 'a', bytes: 1, slot: 0 },
      { name: 'a', bytes: 1, slot: 1 },
      { name: 'b', bytes: 1 },
      { name: 'c', bytes: 1, slot: 16 },
      { name: 'd', bytes: 1, slot: 15 },
    ];
    const collected = await store.exchange(ref).collect(sampleResult('', { files }));
    expect(collected.files).toEqual([{ name: 'a', bytes: 7, sha256: sha256Of('content') }]);
    expect(warnings).toHaveLength(3);
  });
});

/** Bytes in buffers that something still refers to. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().arrayBuffers;
}

test('a log of 64 MiB is never in memory', async () => {
  const store = withKey();
  const ref = freshAttempt();
  const { secure } = await openFor(store, ref, script, { logMaxBytes: 64 * 1024 * 1024 });
  const hands = blobHands({ kind: 'signedUrls', plain: {}, secure });
  const block = `${'x'.repeat(4 * 1024 * 1024 - 1)}\n`;
  for (let blocks = 0; blocks < 16; blocks += 1) await hands.log(block);
  const before = heldBytes();
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, heldBytes() - before);
  }, 250);
  try {
    expect((await store.exchange(ref).collect(undefined)).log).toMatchObject({
      bytes: 64 * 1024 * 1024,
      lines: 16,
      sha256: sha256Of(block.repeat(16)),
    });
  } finally {
    clearInterval(timer);
  }
  expect(peak).toBeLessThan(32 * 1024 * 1024);
}, 180_000);

describe('watching', () => {
  test('is off where the host says so', async () => {
    const store = withKey({ watch: false });
    const seen: unknown[] = [];
    for await (const _ of store.exchange(freshAttempt()).watch('state', { signal: AbortSignal.timeout(30_000) }))
      seen.push(_);
    expect(seen).toEqual([]);
  });

  test('looks less and less often while nothing happens, and from the beginning once something did', async () => {
    const pauses: number[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, options) => {
        pauses.push(Math.round(ms));
        return systemClock.sleep(1, options);
      },
    };
    const exchangesContainer = freshName('errand');
    const tasksContainer = freshName('tasks');
    const store = withKey({ exchangesContainer, tasksContainer, clock, pollMs: 1_000 });
    const ref = freshAttempt();
    const stop = new AbortController();
    let seen = 0;
    const watching = (async () => {
      for await (const _ of store.exchange(ref).watch('log', { signal: stop.signal })) seen += 1;
    })();
    await until(() => pauses.includes(10_000));
    expect(pauses.slice(0, 7)).toEqual([1_000, 1_500, 2_250, 3_375, 5_063, 7_594, 10_000]);
    expect(seen).toBe(1);
    const other = withKey({ exchangesContainer, tasksContainer });
    const { secure } = await openFor(other, ref, script);
    await blobHands({ kind: 'signedUrls', plain: {}, secure }).log('x');
    await until(() => seen > 1 && pauses.lastIndexOf(1_000) > 8);
    stop.abort();
    await watching;
  });

  test('outlasts an outage', async () => {
    const proxy = await startBlobProxy(azurite().blobUrl);
    const warnings: string[] = [];
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      error: () => {},
      warn: (_, message) => void warnings.push(message),
    };
    // Never reached: what this store asks is answered by the proxy.
    const connection = {
      connectionString: azurite().connectionString.replaceAll(
        azurite().blobUrl,
        `http://127.0.0.1:${proxy.port}/${azuriteAccount}`,
      ),
    };
    const store = storeOn(azurite(), { connection, logger, pollMs: 10 });
    proxy.decide = () => ({ status: 403, code: 'AuthorizationFailure' });
    const stop = new AbortController();
    let seen = 0;
    const watching = (async () => {
      for await (const _ of store.exchange(freshAttempt()).watch('state', { signal: stop.signal })) seen += 1;
    })();
    await until(() => seen === 1);
    await until(() => proxy.seen.length > 10);
    expect(warnings).toHaveLength(1);
    proxy.decide = () => ({ status: 200, code: '', headers: { etag: '"0x1"' } });
    await until(() => seen === 2);
    stop.abort();
    await watching;
    proxy.stop();
  });
});

test('what was signed a day ago permits nothing', async () => {
  const { secure } = await openFor(withKey({ clock: clockAhead(-24) }), freshAttempt(), script);
  expect(await ask(secure['ERRAND_FENCE_URL'] ?? '', 'PUT', createOnly, 'x')).toBe(403);
});
