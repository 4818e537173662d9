import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RestError } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signaturesIn } from '../support/signature.ts';
import { startAzurite, startProxy } from './azurite.ts';
import type { Azurite, Fault } from './azurite.ts';
import { executableOf, startRunner } from './exchange.ts';
import type { Ended, Result, Running } from './exchange.ts';
import { needed, pathWith, removePaths, runnerScript, shells } from './shells.ts';
import type { Shell } from './shells.ts';

let azurite: Azurite;
let counter = 0;

beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => {
  azurite.stop();
  removePaths();
});

interface SignedTask {
  readonly script: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Goes between the runner and the storage; without it they talk directly. */
  readonly fault?: (method: string, name: string, times: number) => Fault;
  readonly path?: string;
}

interface Left {
  readonly ended: Ended;
  readonly urls: Readonly<Record<string, string>>;
  /** Requests that went through the proxy. */
  readonly seen: readonly string[];
  /** The text of a blob of this attempt, undefined where there is none. */
  blob(name: string): Promise<string | undefined>;
  result(): Promise<Result>;
}

async function signedAttempt(
  shell: Shell,
  task: SignedTask,
  hooks: { before?: (folder: string) => Promise<void>; during?: (running: Running) => Promise<void> } = {},
): Promise<Left> {
  const folder = `run${++counter}`;
  const content = executableOf(task.script);
  const uploaded = await azurite.container.getBlockBlobClient(`${folder}-task.sh`).upload(content, content.length);
  const { fault } = task;
  const proxy = await startProxy(azurite.port, (method, path, query, times) => {
    const name = `${path.split('-').at(-1)}${query.includes('comp=appendblock') ? ' append' : ''}`;
    return fault?.(method, name, times) ?? 'pass';
  });
  const scratch = mkdtempSync(join(tmpdir(), 'errand-signed-'));
  const sign = (name: string, permissions: string): string =>
    azurite.sign(`${folder}-${name}`, permissions, fault === undefined ? {} : { port: proxy.port });
  const urls = {
    ERRAND_EXECUTABLE_URL: sign('task.sh', 'r'),
    ERRAND_FENCE_URL: sign('fence', 'rc'),
    ERRAND_RESULT_URL: sign('result.json', 'rc'),
    ERRAND_LOG_URL: sign('log', 'ca'),
    ERRAND_OUTPUT_URL: sign('output.json', 'c'),
    ERRAND_FILE_URLS: [0, 1, 2].map((slot) => sign(`file${slot}`, 'c')).join('\n'),
  };
  await hooks.before?.(folder);
  try {
    const running = startRunner(shell, [], {
      ...(task.path === undefined ? {} : { path: task.path }),
      environment: {
        TMPDIR: scratch,
        ERRAND_RUN_ID: '01RUN',
        ERRAND_ATTEMPT: '1',
        ERRAND_TASK: 'Hello',
        ERRAND_SCRIPT_NAME: 'hello.sh',
        ERRAND_EXECUTABLE_ETAG: uploaded.etag ?? '',
        ERRAND_EXECUTABLE_SHA256: createHash('sha256').update(content).digest('hex'),
        ERRAND_RUN_SECONDS: '60',
        ERRAND_GRACE_SECONDS: '5',
        ERRAND_LOG_MAX_BYTES: '67108864',
        ERRAND_SECRET_NAMES: '',
        ...urls,
        ...task.environment,
      },
    });
    await hooks.during?.(running);
    const ended = await running.ended;
    const blob = async (name: string): Promise<string | undefined> => {
      try {
        return (await azurite.container.getBlobClient(`${folder}-${name}`).downloadToBuffer()).toString('latin1');
      } catch (error) {
        if (error instanceof RestError && error.statusCode === 404) return undefined;
        throw error;
      }
    };
    expect(readdirSync(scratch)).toEqual([]);
    return {
      ended,
      urls,
      seen: proxy.seen,
      blob,
      result: async () => JSON.parse((await blob('result.json')) ?? 'null') as Result,
    };
  } finally {
    proxy.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function dash(): Shell {
  const [first] = shells();
  if (first === undefined) throw new Error('no shell');
  return first;
}

describe.concurrent.each(shells())('under $name', (shell) => {
  test('fence, log, output, files and result; nothing of the URLs where the task or others see it', async () => {
    let processes = '';
    const left = await signedAttempt(
      shell,
      {
        script: `echo "hello $VMName from \${0##*/}"; export -p | grep -o 'ERRAND_[A-Z_0-9]*=' | sort; sleep 1.5; echo '{"a":1}' >"$ERRAND_OUTPUT"
          echo abc >"$ERRAND_OUTPUT_DIR/b.txt"; echo d >"$ERRAND_OUTPUT_DIR/a.txt"; echo "$Token"; exit 3`,
        environment: { VMName: 'vm', Token: 'sesame-open', ERRAND_SECRET_NAMES: 'Token' },
      },
      {
        during: async (running) => {
          await running.printed('hello');
          for (let looks = 0; looks < 15; looks++) {
            processes += execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
            await sleep(60);
          }
        },
      },
    );
    expect(left.ended.code).toBe(0);
    const names = ['ATTEMPT', 'OUTPUT', 'OUTPUT_DIR', 'RUN_ID', 'TASK'].map((name) => `ERRAND_${name}=\n`).join('');
    const log = await left.blob('log');
    expect(log).toBe(`hello vm from hello.sh\n${names}***\n`);
    expect(left.ended.stdout.toString()).toBe(log);
    expect(await left.blob('output.json')).toBe('{"a":1}\n');
    expect(await left.blob('file0')).toBe('d\n');
    expect(await left.blob('file1')).toBe('abc\n');
    const result = await left.result();
    expect(result).toMatchObject({
      started: true,
      exitCode: 3,
      output: true,
      files: [
        { name: 'a.txt', bytes: 2, slot: 0 },
        { name: 'b.txt', bytes: 4, slot: 1 },
      ],
      skippedFiles: 0,
      log: { bytes: log?.length, complete: true },
    });
    const fence = JSON.parse((await left.blob('fence')) ?? '') as { nonce: string };
    expect(fence.nonce).toBe(result.nonce);
    expect(processes).toContain('script-runner.sh');
    for (const text of [left.ended.stdout.toString(), left.ended.stderr, log]) expect(text).not.toContain('sig=');
    // Other tests have processes, too.
    const signatures = signaturesIn(left.urls);
    expect(signatures.length).toBeGreaterThan(4);
    for (const text of signatures) expect(processes).not.toContain(text);
  });

  test('what is larger than may be is not sent: a file is left out, of an output so much that it shows', async () => {
    const left = await signedAttempt(shell, {
      script: `sparse() { dd if=/dev/zero of="$1" bs=1 count=1 seek="$2" 2>/dev/null; }
        sparse "$ERRAND_OUTPUT" 900000000; sparse "$ERRAND_OUTPUT_DIR/a" 67108864; sparse "$ERRAND_OUTPUT_DIR/b" 999999`,
    });
    expect(left.ended.code).toBe(0);
    expect(await left.blob('output.json')).toHaveLength(65_537);
    const result = await left.result();
    expect(result).toMatchObject({ output: true, files: [{ name: 'b', bytes: 1_000_000, slot: 0 }], skippedFiles: 1 });
    expect(await left.blob('file1')).toBeUndefined();
  });

  test('an existing fence, which Azurite answers with 403 or 409: nothing is run, nothing is written', async () => {
    const left = await signedAttempt(
      shell,
      { script: 'touch "$ERRAND_OUTPUT"' },
      {
        before: async (folder) =>
          void (await azurite.container.getBlockBlobClient(`${folder}-fence`).upload('{"by":"orchestrator"}', 21)),
      },
    );
    expect(left.ended.code).toBe(0);
    expect(await left.blob('fence')).toBe('{"by":"orchestrator"}');
    for (const name of ['log', 'result.json', 'output.json']) expect(await left.blob(name)).toBeUndefined();
  });

  test('answers that are lost, 503s and dropped connections, everywhere: one start, one log, one result', async () => {
    const left = await signedAttempt(shell, {
      script: 'echo one; sleep 1.3; echo two; echo "{}" >"$ERRAND_OUTPUT"; echo x >"$ERRAND_OUTPUT_DIR/f"',
      fault: (_, name, times) => {
        if (name === 'fence' || name === 'result.json' || name === 'log append' || name === 'output.json')
          return times === 0 ? 'lose' : 'pass';
        if (name === 'task.sh') return times === 0 ? 'refuse' : 'pass';
        return times === 0 ? 'drop' : 'pass';
      },
    });
    expect(left.ended.code).toBe(0);
    expect(await left.blob('log')).toBe('one\ntwo\n');
    expect(await left.result()).toMatchObject({
      started: true,
      exitCode: 0,
      output: true,
      files: [{ name: 'f', slot: 0 }],
      log: { bytes: 8, complete: true },
    });
    expect(left.seen.filter((one) => one.startsWith('PUT') && one.endsWith('fence'))).toHaveLength(2);
  });
});

test('an expired signature for the fence is an error and not a lost fence', async () => {
  const left = await signedAttempt(dash(), {
    script: 'touch "$ERRAND_OUTPUT"',
    environment: { ERRAND_FENCE_URL: azurite.sign('expired-fence', 'rc', { expiresInSeconds: -60 }) },
  });
  expect(left.ended.code).toBe(70);
  expect(left.ended.stderr).toContain('403');
  expect(await left.blob('log')).toBeUndefined();
});

test.each([
  [
    'an expired signature for the executable',
    () => ({ ERRAND_EXECUTABLE_URL: azurite.sign('any', 'r', { expiresInSeconds: -60 }) }),
    'fetchFailed',
    '403',
  ],
  ['an executable that was changed', () => ({ ERRAND_EXECUTABLE_ETAG: '"0x1"' }), 'fetchFailed', '412'],
  [
    'an executable that is gone',
    () => ({ ERRAND_EXECUTABLE_URL: azurite.sign('any', 'r'), ERRAND_EXECUTABLE_ETAG: '' }),
    'fetchFailed',
    '404',
  ],
  ['another checksum', () => ({ ERRAND_EXECUTABLE_SHA256: 'b'.repeat(64) }), 'checksumMismatch', 'b{64}'],
])('%s is refused with fence and result', async (_, environment, reason, message) => {
  const left = await signedAttempt(dash(), { script: 'touch "$ERRAND_OUTPUT"', environment: environment() });
  expect(left.ended.code).toBe(0);
  const result = await left.result();
  expect(result).toMatchObject({ started: false, reason, exitCode: null });
  expect(result.message).toMatch(new RegExp(message));
  expect(await left.blob('fence')).toContain(result.nonce);
  expect(await left.blob('output.json')).toBeUndefined();
});

test('a log that cannot be shipped does not stop the task; the result says what is missing', async () => {
  const left = await signedAttempt(dash(), {
    script: 'echo hello; sleep 1.5; echo more; exit 2',
    environment: { ERRAND_LOG_URL: azurite.sign('expired-log', 'ca', { expiresInSeconds: -60 }) },
  });
  expect(left.ended.code).toBe(0);
  expect(left.ended.stdout.toString()).toBe('hello\nmore\n');
  expect(await left.result()).toMatchObject({
    exitCode: 2,
    log: { bytes: 0, lines: 0, droppedBytes: 11, complete: false },
  });
});

test('10 MB of log arrive in blocks of at most 4 MiB, live', async () => {
  const left = await signedAttempt(dash(), {
    script: 'head -c 10000000 /dev/zero | tr "\\0" "x"',
    fault: () => 'pass',
  });
  expect((await left.blob('log'))?.length).toBe(10_000_000);
  expect(left.seen.filter((one) => one.endsWith('appendblock')).length).toBeGreaterThanOrEqual(3);
  expect(await left.result()).toMatchObject({ log: { bytes: 10_000_000, complete: true } });
});

test('TERM while the executable is being fetched: refused as stopped', async () => {
  const left = await signedAttempt(
    dash(),
    { script: 'touch "$ERRAND_OUTPUT"', fault: (_, name) => (name === 'task.sh' ? 'refuse' : 'pass') },
    {
      during: async (running) => {
        await sleep(1200);
        running.child.kill('SIGTERM');
      },
    },
  );
  expect(left.ended.code).toBe(0);
  expect(await left.result()).toMatchObject({ started: false, reason: 'stopped' });
});

test('with wget alone it refuses; where the definition allows it, the task runs without fence and result', async () => {
  const path = pathWith([...needed, 'chmod', 'sha256sum', 'wget', 'setsid']);
  const refused = await signedAttempt(dash(), { script: 'echo ran', path });
  expect(refused.ended.code).toBe(70);
  expect(refused.ended.stderr).toMatch(/missingUtility.*curl/);
  expect(refused.ended.stdout.toString()).toBe('');
  const allowed = await signedAttempt(dash(), {
    script: 'echo "ran $ERRAND_FENCE_URL."; exit 6',
    path,
    environment: { ERRAND_ALLOW_UNFENCED: '1' },
  });
  expect(allowed.ended.code).toBe(6);
  expect(allowed.ended.stdout.toString()).toMatch(/no curl.*without start fence.*\nran \.\n$/s);
  expect(await allowed.blob('fence')).toBeUndefined();
  expect(await allowed.blob('result.json')).toBeUndefined();
});

test('20 runners with the same URLs start the task once', async () => {
  const content = executableOf('echo started; sleep 0.5');
  await azurite.container.getBlockBlobClient('race-task.sh').upload(content, content.length);
  const environment = {
    ERRAND_RUN_ID: '01RUN',
    ERRAND_ATTEMPT: '1',
    ERRAND_TASK: 'Race',
    ERRAND_EXECUTABLE_URL: azurite.sign('race-task.sh', 'r'),
    ERRAND_FENCE_URL: azurite.sign('race-fence', 'rc'),
    ERRAND_RESULT_URL: azurite.sign('race-result.json', 'rc'),
    ERRAND_LOG_URL: azurite.sign('race-log', 'ca'),
  };
  const ended = await Promise.all(Array.from({ length: 20 }, () => startRunner(dash(), [], { environment }).ended));
  expect(ended.map((one) => one.code)).toEqual(Array.from({ length: 20 }, () => 0));
  expect(ended.filter((one) => one.stdout.toString() === 'started\n')).toHaveLength(1);
  expect((await azurite.container.getBlobClient('race-log').downloadToBuffer()).toString()).toBe('started\n');
});

test('50,000 blocks at the intervals of the runner last longer than 6 days', () => {
  const pause = /^ship_pause\(\) \{[^]*?^\}/m.exec(readFileSync(runnerScript, 'utf8'))?.[0];
  expect(pause).toBeDefined();
  const asked = [0, 299, 300, 1499, 1500, 4999, 5000, 49_999];
  const script = `${pause}\nfor n in ${asked.join(' ')}; do ship_pause $n; done`;
  const pauses = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim().split('\n').map(Number);
  let seconds = 0;
  for (let index = 0; index < asked.length; index += 2) {
    expect(pauses[index]).toBe(pauses[index + 1]);
    seconds += ((asked[index + 1] ?? 0) - (asked[index] ?? 0) + 1) * (pauses[index] ?? 0);
  }
  expect(pauses[0]).toBe(1);
  expect(seconds).toBeGreaterThan(6 * 86_400);
});
