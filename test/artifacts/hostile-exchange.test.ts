import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesystemArtifacts } from '../../src/artifacts/filesystem.ts';
import { limits } from '../../src/contract/limits.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ArtifactStore, Exchange } from '../../src/core/ports/artifact-store.ts';
import { sampleResult } from '../../src/testing/exchange-conformance.ts';
import { openSample, sampleAttempt, textOf } from '../../src/testing/sample-exchange.ts';

const isRoot = process.getuid?.() === 0;
const secret = 'of the host alone';

let directory: string;
let store: ArtifactStore;
let exchange: Exchange;
let box: string;
/** A file and a directory of the host that no task may read or remove. */
let hostFile: string;
let hostDirectory: string;

async function setUp(parent: string): Promise<void> {
  directory = await mkdtemp(join(parent, 'errand-hostile-'));
  store = filesystemArtifacts({ directory: join(directory, 'data'), clock: systemClock });
  const access = await openSample(store, sampleAttempt(1), { logMaxBytes: 10_000 });
  if (access.kind !== 'directory') throw new TypeError('this store gives directories');
  box = access.exchange;
  exchange = store.exchange(sampleAttempt(1));
  hostDirectory = join(directory, 'host');
  hostFile = join(hostDirectory, 'secret');
  await mkdir(hostDirectory);
  await writeFile(hostFile, secret);
}

beforeEach(() => setUp(tmpdir()));
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Begins anew in memory, where it is possible: thousands of directories take long on a disk that others are using. */
async function moveToMemory(): Promise<void> {
  if (!existsSync('/dev/shm')) return;
  await rm(directory, { recursive: true });
  await setUp('/dev/shm');
}

async function discardLeavesNothing(): Promise<void> {
  await exchange.discard();
  const attempt = join(directory, 'data', 'exchanges', sampleAttempt(1).runId, '1');
  expect((await readdir(attempt)).filter((name) => name.startsWith('box'))).toEqual([]);
  expect(await readFile(hostFile, 'utf8')).toBe(secret);
}

/** Something that is no regular file, under a name that Errand reads. */
type Trap = (path: string) => unknown;

const traps: Record<string, Trap> = {
  'a link to a file of the host': (path) => symlink(hostFile, path),
  'a link to a password file': (path) => symlink('/etc/passwd', path),
  'a link to a directory': (path) => symlink(hostDirectory, path),
  'a dangling link': (path) => symlink('/nowhere/at/all', path),
  'a link to itself': (path) => symlink(path, path),
  'a FIFO that nobody writes to': (path) => execFileSync('mkfifo', [path]),
  'a directory': (path) => mkdir(path),
  'a directory of mode 000': (path) => mkdir(path, { mode: 0 }),
  'a socket': async (path) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    // Closing it would remove the file.
    server.unref();
  },
  ...(isRoot
    ? {
        'a device that never ends': (path: string) => execFileSync('mknod', [path, 'c', '1', '5']),
        'a block device': (path: string) => execFileSync('mknod', [path, 'b', '250', '250']),
      }
    : {}),
};

describe('nothing of the host is read where a task has put', () => {
  if (!isRoot) console.warn('devices are left out: only root can make them');

  for (const [name, set] of Object.entries(traps)) {
    test(`left: ${name}`, async () => {
      await mkdir(join(box, 'outputs'));
      for (const file of ['log', 'output.json', 'result.json', 'fence', 'outputs/report']) await set(join(box, file));

      // There is something under the name of the fence, and we have not put it there.
      expect(await exchange.fence()).toMatchObject({ by: 'runner', nonce: '' });
      expect(await exchange.result()).toEqual({ invalid: expect.stringContaining('not a regular file') });
      expect(await exchange.readLog({ offset: 0, length: 100 })).toBeUndefined();
      const collected = await exchange.collect(
        sampleResult('', { output: true, files: [{ name: 'report', bytes: 5 }] }),
      );
      expect(collected).toMatchObject({
        log: { bytes: 0, complete: false },
        files: [],
        outputProblem: expect.stringContaining('not a regular file'),
      });
      const copies = spawnSync('grep', ['-rE', `${secret}|root:`, join(directory, 'data', 'runs')], {
        encoding: 'utf8',
      });
      expect(copies).toMatchObject({ status: 1, stdout: '' });
      await discardLeavesNothing();
    });
  }

  test('a link in the place of the directory of outputs', async () => {
    await symlink(hostDirectory, join(box, 'outputs'));
    const collected = await exchange.collect(sampleResult('', { files: [{ name: 'secret', bytes: 17 }] }));
    expect(collected.files).toEqual([]);
    await discardLeavesNothing();
  });

  test('a link where the orchestrator would write its fence', async () => {
    await symlink(join(hostDirectory, 'made-by-errand'), join(box, 'fence'));
    const at = '2026-01-01T00:00:00.000Z';
    const answer = await exchange.takeFence({ by: 'orchestrator', why: { kind: 'notCreated' }, message: 'm', at });
    expect(answer).toMatchObject({ won: false, fence: { by: 'runner' } });
    expect(await readdir(hostDirectory)).toEqual(['secret']);
    await discardLeavesNothing();
  });
});

describe('a task', () => {
  test('cannot pass its own fence off as an orchestrator’s', async () => {
    const forged = {
      version: 1,
      by: 'orchestrator',
      why: { kind: 'notCreated' },
      message: 'trust me',
      at: '2026-01-01T00:00:00.000Z',
    };
    await writeFile(join(box, 'fence'), JSON.stringify(forged));
    expect(await exchange.fence()).toMatchObject({ by: 'runner' });
    await exchange.discard();
    expect(await exchange.fence()).toMatchObject({ by: 'runner' });
  });

  test('cannot fill our disk with a file that claims to be huge', async () => {
    await mkdir(join(box, 'outputs'));
    for (const name of ['log', 'output.json', 'result.json', 'fence', 'outputs/report']) {
      await writeFile(join(box, name), 'x');
      await truncate(join(box, name), 2 ** 40);
    }
    expect(await exchange.result()).toEqual({ invalid: expect.stringContaining(`${limits.resultBytes}`) });
    expect(await exchange.fence()).toMatchObject({ by: 'runner', nonce: '' });
    const slice = await exchange.readLog({ offset: 0, length: 2 ** 30 });
    expect(slice?.size).toBeLessThan(20_000);
    expect(slice?.bytes.length).toBe(slice?.size);
    const collected = await exchange.collect(
      sampleResult('x', { output: true, files: [{ name: 'report', bytes: 1 }] }),
    );
    expect(collected).toMatchObject({ files: [], outputProblem: expect.stringContaining('65536') });
    expect(collected.log).toMatchObject({ bytes: 10_000 + 4096, complete: false });
    await discardLeavesNothing();
  });

  test('cannot follow us to a ticket of another attempt', async () => {
    const { mode } = await lstat(join(box, '..'));
    expect(mode & 0o777).toBe(0o700);
    expect((await lstat(box)).mode & 0o777).toBe(0o777);
    expect((await lstat(join(box, 'ticket'))).mode & 0o777).toBe(0o444);
  });
});

describe('all of it is removed', () => {
  test('names that are not text, or hold line ends', async () => {
    await mkdir(join(box, 'a\nb'));
    await writeFile(join(box, 'a\nb', 'c\nd'), 'x');
    await mkdir(Buffer.concat([Buffer.from(`${box}/`), Buffer.from([0xff, 0xfe])]));
    await writeFile(
      Buffer.concat([Buffer.from(`${box}/`), Buffer.from([0xff, 0xfe]), Buffer.from('/'), Buffer.from([0x80])]),
      'x',
    );
    await writeFile(join(box, ' -rf *'), 'x');
    await discardLeavesNothing();
  });

  test('a tree 10,000 levels deep', async () => {
    await moveToMemory();
    // Its paths are longer than any call takes: made with relative names, from within.
    const script =
      'import os,sys\nos.chdir(sys.argv[1])\nfor n in range(10000):\n os.mkdir("d"*20); os.chdir("d"*20)\nopen("leaf","w").close()';
    const perl = 'chdir shift; for (1..10000) { mkdir "d" x 20; chdir "d" x 20 } open(my $f, ">", "leaf")';
    const made = spawnSync('perl', ['-e', perl, box]);
    if (made.error !== undefined) execFileSync('python3', ['-c', script, box]);
    expect((await readdir(box)).includes('d'.repeat(20))).toBe(true);
    await discardLeavesNothing();
  });

  test('20,000 files and 500 directories side by side', async () => {
    await moveToMemory();
    execFileSync('sh', [
      '-c',
      'cd "$1" && seq 20000 | sed s/^/f/ | xargs touch && seq 500 | sed s/^/d/ | xargs mkdir',
      'sh',
      box,
    ]);
    await discardLeavesNothing();
  });

  test('closed directories, links and devices in all depths', async () => {
    for (const path of ['a/b/c', 'a/d', 'e']) await mkdir(join(box, path), { recursive: true });
    await symlink(hostDirectory, join(box, 'a', 'link'));
    await symlink('..', join(box, 'a', 'b', 'up'));
    execFileSync('mkfifo', [join(box, 'a', 'b', 'fifo')]);
    await writeFile(join(box, 'a', 'b', 'c', 'file'), 'x', { mode: 0 });
    for (const path of ['a/b/c', 'a/b', 'a/d', 'a', 'e']) await chmod(join(box, path), 0);
    await chmod(box, 0);
    await discardLeavesNothing();
  });

  test('also by an owner who is not root', async ({ skip }) => {
    if (!isRoot) return skip('the tests run as such an owner already');
    await mkdir(join(box, 'a', 'b'), { recursive: true });
    await writeFile(join(box, 'a', 'b', 'file'), 'x');
    await mkdir(join(box, 'a', 'unlisted'));
    await writeFile(join(box, 'a', 'unlisted', 'file'), 'x');
    execFileSync('chown', ['-R', '4711:4711', directory]);
    await chmod(join(box, 'a', 'unlisted'), 0o300);
    for (const path of ['a/b', 'a', '.']) await chmod(join(box, path), 0);
    const script = join(import.meta.dirname, 'support', 'discard-as.ts');
    const answer = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', script, join(directory, 'data'), '4711'],
      { encoding: 'utf8' },
    );
    expect({ status: answer.status, stderr: answer.stderr }).toEqual({ status: 0, stderr: '' });
    expect(existsSync(box)).toBe(false);
    expect(await readFile(hostFile, 'utf8')).toBe(secret);
    return undefined;
  });

  test('but for what nobody can remove: that is named, and tried again', async ({ skip }) => {
    if (!isRoot) return skip('only root can mount');
    await mkdir(join(box, 'a', 'mounted'), { recursive: true });
    await writeFile(join(box, 'other'), 'x');
    const { reason } = mount(join(box, 'a', 'mounted'));
    if (reason !== undefined) return skip(reason);
    const trash = `${box}.trash`;
    try {
      for (let tries = 0; tries < 2; tries += 1) {
        await expect(exchange.discard()).rejects.toMatchObject({
          code: 'artifactsUnavailable',
          message: expect.stringMatching(/cannot be removed: .*(?:mounted|EBUSY).*umount/),
        });
      }
      expect(existsSync(box)).toBe(false);
    } finally {
      execFileSync('sh', [
        '-c',
        'for m in $(grep -F "$1" /proc/mounts | cut -d" " -f2); do umount -l "$m"; done',
        'sh',
        trash,
      ]);
    }
    await discardLeavesNothing();
    return undefined;
  });
});

function mount(path: string): { reason?: string } {
  const answer = spawnSync('mount', ['-t', 'tmpfs', 'errand-test', path], { encoding: 'utf8' });
  if (answer.status === 0) return {};
  const reason = `no tmpfs can be mounted here: ${answer.stderr.trim()}`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  console.warn(reason);
  return { reason };
}

test('a log goes on being read while a task plays with it', async () => {
  await writeFile(join(box, 'log'), 'one\n');
  expect(textOf((await exchange.readLog({ offset: 0, length: 10 }))?.bytes)).toBe('one\n');
  await rm(join(box, 'log'));
  await symlink('/etc/passwd', join(box, 'log'));
  expect(await exchange.readLog({ offset: 0, length: 10 })).toBeUndefined();
});
