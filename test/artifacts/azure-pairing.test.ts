import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import type { ArtifactStore, AttemptRef, ExchangePlan } from '../../src/core/ports/artifact-store.ts';
import { sampleInstant, sha256Of, textOf } from '../../src/testing/sample-exchange.ts';
import type { Azurite } from '../support/azurite.ts';
import { signaturesIn } from '../support/signature.ts';
import { startRunner, type Ended, type Running } from '../runner-image/exchange.ts';
import { removePaths, shells } from '../runner-image/shells.ts';
import { clockAhead, freshAttempt, openFor, storeOn, useAzurite } from './support/blob-store.ts';

const withKey = useAzurite();
const withTokens = useAzurite({ oauth: true });

const directories: string[] = [];
afterAll(() => {
  removePaths();
  for (const directory of directories) rmSync(directory, { recursive: true });
});

/** The real runner, with the environment that the container would have. */
function start(
  access: Awaited<ReturnType<typeof openFor>>,
  extra: Record<string, string> = {},
): Running & { scratch: string } {
  const [shell] = shells();
  if (shell === undefined) throw new Error('no shell');
  const scratch = mkdtempSync(join(tmpdir(), 'errand-pairing-'));
  const environment = { TMPDIR: scratch, ...extra, ...access.plain, ...access.secure };
  return { ...startRunner(shell, [], { environment }), scratch };
}

async function end(running: ReturnType<typeof start>): Promise<Ended> {
  const ended = await running.ended;
  expect(readdirSync(running.scratch)).toEqual([]);
  rmSync(running.scratch, { recursive: true });
  return ended;
}

/** A file that a task waits for, and what makes it. */
function signal(): { go: () => void; Go: string } {
  const directory = mkdtempSync(join(tmpdir(), 'errand-go-'));
  directories.push(directory);
  const Go = join(directory, 'go');
  return { go: () => writeFileSync(Go, ''), Go };
}

async function run(
  store: ArtifactStore,
  ref: AttemptRef,
  script: string,
  changes: Partial<ExchangePlan> = {},
  extra: Record<string, string> = {},
): Promise<Ended> {
  return end(start(await openFor(store, ref, script, changes), extra));
}

async function resultOf(store: ArtifactStore, ref: AttemptRef) {
  const result = await store.exchange(ref).result();
  if (result === undefined || 'invalid' in result) throw new Error(`no result: ${result?.invalid ?? 'none'}`);
  return result;
}

const logOf = async (store: ArtifactStore, ref: AttemptRef): Promise<string | undefined> => {
  const slice = await store.exchange(ref).readLog({ offset: 0, length: 1_000_000 });
  return slice && textOf(slice.bytes);
};

const script = `#!/bin/sh
echo "stopping $VMName of $Group with $Token"
until [ -e "$Go" ]; do sleep 0.1; done
export -p | grep -c '[?&]sig=' || :
echo '{"stopped":["vm-1"]}' >"$ERRAND_OUTPUT"
echo 'a,b' >"$ERRAND_OUTPUT_DIR/report.csv"
head -c 100000 /dev/zero >"$ERRAND_OUTPUT_DIR/zeros"
echo done >&2
exit 3
`;
const environment = { VMName: 'vm-1 \'a\' "b"', Group: 'rg', Token: `sesame-${randomUUID()}` };

describe.each([
  ['the account key over http', () => withKey(), (azurite: Azurite) => storeOn(azurite)],
  [
    'a token over https',
    () => withTokens(),
    (azurite: Azurite) => {
      if (azurite.credential === undefined) throw new Error('Azurite was started without tokens');
      return storeOn(azurite, { connection: { endpoint: azurite.blobUrl, credential: azurite.credential } });
    },
  ],
])('the runner meets the store with %s', (_, azuriteOf, make) => {
  test('log, output, files and result arrive; the log can be read meanwhile; signed URLs are seen nowhere', async () => {
    const azurite = azuriteOf();
    if (azurite.ca !== undefined) setDefaultCACertificates([...getCACertificates('bundled'), azurite.ca]);
    const store = make(azurite);
    const ref = freshAttempt();
    const { go, Go } = signal();
    const plan = { environment: { ...environment, Go }, secretNames: ['Token'] };
    const access = await openFor(store, ref, script, plan);
    expect(access.plain).toEqual({ VMName: environment.VMName, Group: 'rg', Go });
    expect(Object.keys(access.secure).filter((name) => !name.startsWith('ERRAND_'))).toEqual(['Token']);
    const running = start(access, azurite.caFile === undefined ? {} : { CURL_CA_BUNDLE: azurite.caFile });
    await running.printed('stopping');
    let processes = '';
    let live: string | undefined;
    while (running.child.exitCode === null && live === undefined) {
      live = await logOf(store, ref);
      processes += execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    }
    expect(live).toBe(`stopping ${environment.VMName} of rg with ***\n`);
    go();
    const ended = await end(running);
    expect(ended.code).toBe(0);

    const exchange = store.exchange(ref);
    const fence = await exchange.fence();
    const result = await resultOf(store, ref);
    expect(fence).toMatchObject({ by: 'runner', nonce: result.nonce });
    expect(result).toMatchObject({ started: true, exitCode: 3, output: true, skippedFiles: 0 });
    const log = `${live}0\ndone\n`;
    const collected = await exchange.collect(result);
    expect(collected).toEqual({
      log: {
        bytes: log.length,
        lines: 3,
        sha256: sha256Of(log),
        truncated: false,
        droppedBytes: 0,
        complete: true,
      },
      output: { stopped: ['vm-1'] },
      files: [
        { name: 'report.csv', bytes: 4, sha256: sha256Of('a,b\n') },
        { name: 'zeros', bytes: 100_000, sha256: sha256Of('\0'.repeat(100_000)) },
      ],
    });
    await exchange.discard();
    expect(await logOf(store, ref)).toBe(log);
    const file = await exchange.readFile('report.csv');
    expect(await new Response(file?.body).text()).toBe('a,b\n');

    const seen = [log, JSON.stringify({ fence, result, collected }), ended.stdout.toString(), ended.stderr];
    for (const text of seen) expect(text).not.toMatch(/sig=|sesame/);
    // Other tests have processes, too.
    const signatures = signaturesIn(access.secure);
    expect(signatures.length).toBeGreaterThan(4);
    for (const text of [environment.Token, ...signatures]) expect(processes).not.toContain(text);
    expect(processes).toContain('script-runner.sh');
  });
});

describe('the runner and the fence', () => {
  test('a second boot with the same URLs runs nothing', async () => {
    const store = storeOn(withKey());
    const ref = freshAttempt();
    const access = await openFor(store, ref, '#!/bin/sh\necho ran\n');
    expect((await end(start(access))).stdout.toString()).toBe('ran\n');
    const before = await resultOf(store, ref);
    const second = await end(start(access));
    expect([second.code, second.stdout.toString()]).toEqual([0, '']);
    expect(second.stderr).toContain('already taken');
    expect(await resultOf(store, ref)).toEqual(before);
    expect(await logOf(store, ref)).toBe('ran\n');
  });

  test('where the orchestrator has taken it nothing is run and nothing is left', async () => {
    const store = storeOn(withKey());
    const ref = freshAttempt();
    const access = await openFor(store, ref, '#!/bin/sh\necho ran\n');
    const fence = {
      by: 'orchestrator',
      why: { kind: 'canceled' },
      message: 'canceled by ada',
      at: sampleInstant(1),
    } as const;
    expect(await store.exchange(ref).takeFence(fence)).toEqual({ won: true, fence });
    const ended = await end(start(access));
    expect([ended.code, ended.stdout.toString()]).toEqual([0, '']);
    expect(await store.exchange(ref).fence()).toEqual(fence);
    expect(await store.exchange(ref).result()).toBeUndefined();
    expect(await logOf(store, ref)).toBeUndefined();
  });

  test('20 runners at once start user code once', async () => {
    const store = storeOn(withKey());
    const ref = freshAttempt();
    const access = await openFor(store, ref, '#!/bin/sh\necho started\nsleep 0.5\n');
    const ended = await Promise.all(Array.from({ length: 20 }, () => end(start(access))));
    expect(ended.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => 0));
    expect(ended.filter(({ stdout }) => stdout.toString() === 'started\n')).toHaveLength(1);
    expect(await resultOf(store, ref)).toMatchObject({ started: true, exitCode: 0 });
    expect(await logOf(store, ref)).toBe('started\n');
  });
});

describe('the runner and the executable', () => {
  test('a start after the hour of its signature is refused, with fence and result', async () => {
    const store = storeOn(withKey(), { clock: clockAhead(-1.01) });
    const ref = freshAttempt();
    const ended = await run(store, ref, '#!/bin/sh\necho ran\n');
    expect([ended.code, ended.stdout.toString()]).toEqual([0, '']);
    const result = await resultOf(store, ref);
    expect(result).toMatchObject({ started: false, reason: 'fetchFailed', exitCode: null });
    expect(result.message).toContain('403');
    expect(await store.exchange(ref).fence()).toMatchObject({ by: 'runner', nonce: result.nonce });
  });

  test('one that was replaced after the exchange was opened is not run', async () => {
    const store = storeOn(withKey());
    const ref = freshAttempt();
    const access = await openFor(store, ref, '#!/bin/sh\necho ran\n');
    await store.put(access.secure['ERRAND_SCRIPT_NAME'] ?? '', new TextEncoder().encode('#!/bin/sh\necho other\n'));
    const ended = await end(start(access));
    expect(ended.stdout.toString()).toBe('');
    expect(await resultOf(store, ref)).toMatchObject({ started: false, reason: 'fetchFailed' });
    expect((await resultOf(store, ref)).message).toContain('412');
  });
});

test('a log that was collected while the runner lives does not change any more', async () => {
  const store = storeOn(withKey());
  const ref = freshAttempt();
  const { go, Go } = signal();
  const waits = '#!/bin/sh\necho early\nuntil [ -e "$Go" ]; do sleep 0.1; done\necho late\n';
  const running = start(await openFor(store, ref, waits, { environment: { Go } }));
  while ((await logOf(store, ref)) === undefined) await sleep(50);
  const { log } = await store.exchange(ref).collect(undefined);
  expect(log).toMatchObject({ bytes: 6, complete: false });
  go();
  await end(running);
  expect(await resultOf(store, ref)).toMatchObject({ log: { bytes: 6, droppedBytes: 5, complete: false } });
  expect(await logOf(store, ref)).toBe('early\n');
  expect((await store.exchange(ref).collect(await resultOf(store, ref))).log).toEqual(log);
});
