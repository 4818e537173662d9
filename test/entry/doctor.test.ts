import { chmod, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { instant, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { newApiKey } from '../../src/http/api-keys.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { sampleRun } from '../../src/testing/sample-run.ts';
import { describeWithDocker } from '../support/engine.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { cli, testServer } from './support/cli.ts';
import { doctor, scratch } from './support/doctor.ts';
import { listen } from '../support/listen.ts';

const byProcess = { ERRAND_DRIVER: 'process' };
const day = 86_400_000;

/** A data directory in which a server has run. */
async function dataIn(cwd: string, runs = 0): Promise<string> {
  const data = join(cwd, '.errand');
  await mkdir(data, { mode: 0o700 });
  const storage = sqliteStorage({ path: join(data, 'errand.db'), clock: systemClock, logger: silentLogger });
  await storage.check();
  for (let number = 1; number <= runs; number += 1) {
    await storage.createRun(sampleRun(number, { wakeAt: instant(Date.now() - 60_000 * number * 8) }));
  }
  await storage.close();
  return data;
}

async function listening(server: Server): Promise<number> {
  const port = await listen(server);
  onTestFinished(() => void server.close());
  return port;
}

describe('a sound installation', () => {
  test('has no failure, and nothing is left of the look', async () => {
    const cwd = await scratch();
    const data = await dataIn(cwd);
    const before = await readdir(data);
    const report = await doctor(cwd, byProcess);
    expect(report).toMatchObject({ code: 0, stderr: '' });
    expect(report.lines.filter(({ level }) => level === 'fail')).toEqual([]);
    expect(report.of('run database')).toEqual([
      { type: 'check', level: 'ok', step: 'run database', what: expect.stringContaining('is sound') },
    ]);
    expect(report.of('processes')).toMatchObject([{ level: 'warn', what: expect.stringContaining('no sandbox') }]);
    // SQLite's own, of any reader.
    const after = (await readdir(data)).filter((name) => !/-(?:shm|wal)$/.test(name));
    expect(after.toSorted()).toEqual(before.toSorted());
  });

  test('nothing is made where no server has run yet', async () => {
    const cwd = await scratch();
    expect(await doctor(cwd, byProcess)).toMatchObject({ code: 0 });
    expect(await readdir(cwd)).toEqual([]);
  });

  test('people see a line for each step, then how many there are', async () => {
    const cwd = await scratch();
    const { code, stdout, stderr } = await cli(['doctor', '--json'], { cwd, env: { ...byProcess, ERRAND_PORT: '0' } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const last: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(last).toEqual({ type: 'summary', ok: expect.any(Number), warn: 1, fail: 0 });
  });
});

describe('configuration', () => {
  test('names every variable that is wrong, and ends with 1', async () => {
    const report = await doctor(await scratch(), { ERRAND_KEEP_DAYS: 'many', ERRAND_MAX_RUNNERS: '0' });
    expect(report).toMatchObject({ code: 1 });
    expect(report.lines).toHaveLength(1);
    expect(report.lines[0]).toMatchObject({ level: 'fail', step: 'configuration' });
    for (const name of ['ERRAND_KEEP_DAYS', 'ERRAND_MAX_RUNNERS']) expect(report.lines[0]?.what).toContain(name);
  });

  test('the switches stand in for variables', async () => {
    const cwd = await scratch();
    const { lines } = await doctor(cwd, { ERRAND_DRIVER: 'docker' }, ['--driver', 'process', '--data-dir', 'other']);
    expect(lines[0]?.what).toContain(`process, data in ${join(cwd, 'other')}`);
    expect(await doctor(cwd, {}, ['--driver', 'podman'])).toMatchObject({ code: 120 });
  });
});

describe('data directory', () => {
  test('one that nobody can write, not even root, fails', async () => {
    const report = await doctor(await scratch(), { ...byProcess, ERRAND_DATA_DIR: '/proc/sys' });
    expect(report.code).toBe(1);
    expect(report.of('data directory')).toMatchObject([
      { level: 'fail', what: expect.stringContaining('/proc/sys cannot be written'), mend: expect.any(String) },
    ]);
  });

  test('a file in its place fails', async () => {
    const cwd = await scratch();
    await writeFile(join(cwd, '.errand'), '');
    const report = await doctor(cwd, byProcess);
    expect(report.code).toBe(1);
    expect(report.of('data directory')).toMatchObject([
      { level: 'fail', what: expect.stringContaining('no directory') },
    ]);
  });

  test('one that is open to others warns', async () => {
    const cwd = await scratch();
    await chmod(await dataIn(cwd), 0o755);
    const report = await doctor(cwd, byProcess);
    expect(report.code).toBe(0);
    expect(report.of('data directory')[0]).toMatchObject({ level: 'warn', what: expect.stringContaining('0755') });
  });

  test('a small disk fails', async (context) => {
    const cwd = await scratch();
    const disk = await mountSmallDisk(cwd, '1m');
    if ('reason' in disk) return context.skip(disk.reason);
    onTestFinished(disk.unmount);
    const report = await doctor(cwd, { ...byProcess, ERRAND_DATA_DIR: disk.path });
    expect(report.code).toBe(1);
    expect(report.of('data directory').at(-1)).toMatchObject({ level: 'fail', what: expect.stringContaining('free') });
  });
});

describe('run database', () => {
  test('a damaged one fails, and what needs it is left out', async () => {
    const cwd = await scratch();
    const data = await dataIn(cwd, 40);
    const file = await open(join(data, 'errand.db'), 'r+');
    // Beyond the first page, which says what the file is.
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size - 8192, 0xa5), 0, size - 8192, 8192);
    await file.close();
    const report = await doctor(cwd, byProcess);
    expect(report.code).toBe(1);
    expect(report.of('run database')).toMatchObject([{ level: 'fail', what: expect.stringContaining('damaged') }]);
    expect(report.of('open runs')).toMatchObject([{ level: 'warn', what: expect.stringContaining('not looked at') }]);
  });

  test('what is no database fails', async () => {
    const cwd = await scratch();
    await writeFile(join(await dataIn(cwd), 'errand.db'), 'no database '.repeat(1000));
    const report = await doctor(cwd, byProcess);
    expect(report.of('run database')).toMatchObject([{ level: 'fail', what: expect.stringContaining('no SQLite') }]);
  });

  test('runs that nobody looks at are named; those that are only a little late are not', async () => {
    const cwd = await scratch();
    await dataIn(cwd, 3);
    const [line] = (await doctor(cwd, byProcess)).of('open runs');
    expect(line).toMatchObject({ level: 'warn', mend: expect.stringContaining('errand serve') });
    expect(line?.what).toContain(`${sampleRun(3).id}, ${sampleRun(2).id},`);
    expect(line?.what).not.toContain(sampleRun(1).id);
  });
});

test('runs with a webhook that was given up are named', async () => {
  const cwd = await scratch();
  const storage = sqliteStorage({ path: join(await dataIn(cwd), 'errand.db'), clock: systemClock });
  const webhook = {
    number: 1,
    from: 'request',
    format: 'original',
    target: 'https://a.example',
    attempts: 10,
  } as const;
  await storage.createRun(sampleRun(50, { open: false, webhooks: [{ ...webhook, state: 'delivered' }] }));
  await storage.createRun(sampleRun(51, { open: false, webhooks: [{ ...webhook, state: 'dead' }] }));
  await storage.close();
  const [line] = (await doctor(cwd, byProcess)).of('webhooks');
  expect(line).toMatchObject({ level: 'warn', mend: expect.stringContaining('errand webhooks redeliver') });
  expect(line?.what).toBe(`webhooks of 1 run were given up: ${sampleRun(51).id}`);
  expect(line?.what).not.toContain(sampleRun(50).id);
});

describe('keys', () => {
  async function keysFile(cwd: string, mode: number, expiries: readonly (number | undefined)[]): Promise<string> {
    const keys = expiries.map((ms, index) => {
      const expiresAt = ms === undefined ? {} : { expiresAt: instant(Date.now() + ms) };
      return newApiKey({ name: `key${index}`, scopes: ['runs:read'], ...expiresAt }).entry;
    });
    const path = join(cwd, 'keys.json');
    await writeFile(path, JSON.stringify({ keys }));
    await chmod(path, mode);
    return path;
  }
  const cases: readonly (readonly [
    name: string,
    mode: number,
    expiries: readonly (number | undefined)[],
    code: number,
    level: string,
    what: string,
  ])[] = [
    ['for this user alone', 0o600, [undefined, 90 * day], 0, 'ok', '2 keys, none expired'],
    ['that all may write', 0o666, [undefined], 1, 'fail', '0666: others can give themselves keys'],
    ['that all may read', 0o644, [undefined], 0, 'warn', '0644: others can see'],
    ['one key of which has expired', 0o600, [-day, undefined], 0, 'warn', 'expired: key0'],
    ['one key of which expires soon', 0o600, [day, undefined], 0, 'warn', 'within a week: key0'],
    ['whose keys have all expired', 0o600, [-day, -day], 1, 'fail', 'all keys have expired: key0'],
    ['without keys', 0o600, [], 1, 'fail', 'nobody is let in'],
  ];
  test.each(cases)('a file %s', async (_, mode, expiries, code, level, what) => {
    const cwd = await scratch();
    const report = await doctor(cwd, { ...byProcess, ERRAND_API_KEYS_FILE: await keysFile(cwd, mode, expiries) });
    expect(report.code).toBe(code);
    expect(report.of('API keys')[0]).toMatchObject({ level, what: expect.stringContaining(what) });
  });

  test('a file that is not there or is none fails, and nothing of it is shown', async () => {
    const cwd = await scratch();
    const file = join(cwd, 'keys.json');
    const env = { ...byProcess, ERRAND_API_KEYS_FILE: file };
    expect((await doctor(cwd, env)).of('API keys')).toMatchObject([
      { level: 'fail', what: expect.stringContaining('cannot be read') },
    ]);
    await writeFile(file, '{"keys":["errand_hush"]}', { mode: 0o600 });
    const report = await doctor(cwd, env);
    expect(report.of('API keys')).toMatchObject([{ level: 'fail', what: expect.stringContaining('no file of keys') }]);
    expect(report.stdout).not.toContain('hush');
  });

  test('none at all fails where the server listens for others', async () => {
    const report = await doctor(await scratch(), { ...byProcess, ERRAND_HOST: '0.0.0.0' });
    expect(report.code).toBe(1);
    expect(report.of('API keys')).toMatchObject([{ level: 'fail', mend: expect.stringContaining('keys create') }]);
  });

  test('the key that seals: a short one fails, one that others can read warns', async () => {
    const cwd = await scratch();
    const short = await doctor(cwd, { ...byProcess, ERRAND_SECRET_KEY: 'aGVsbG8=' });
    expect(short.of('secret key')).toMatchObject([{ level: 'fail', what: expect.stringContaining('5 bytes') }]);
    const path = join(await dataIn(cwd), 'secret.key');
    const key = Buffer.alloc(32, 7).toString('base64');
    await writeFile(path, key);
    await chmod(path, 0o644);
    const open644 = await doctor(cwd, byProcess);
    expect(open644.of('secret key')).toMatchObject([{ level: 'warn', mend: `chmod 600 ${path}` }]);
    expect(open644.stdout).not.toContain(key);
    await writeFile(path, 'aGVsbG8=');
    expect((await doctor(cwd, byProcess)).of('secret key')).toMatchObject([{ level: 'fail' }]);
  });
});

describe('Docker', () => {
  const nowhere = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };

  test('an engine that is not there fails, and is a warning where processes stand in', async () => {
    const cwd = await scratch();
    const needed = await doctor(cwd, { ...nowhere, ERRAND_DRIVER: 'docker' });
    expect(needed.code).toBe(1);
    expect(needed.of('Docker')).toMatchObject([{ level: 'fail', what: expect.stringContaining('start Docker') }]);
    expect(needed.of('clock')).toMatchObject([{ level: 'warn', what: expect.stringContaining('not looked at') }]);
    const optional = await doctor(cwd, { ...nowhere, ERRAND_DRIVER: 'auto' });
    expect(optional.code).toBe(0);
    expect(optional.of('Docker')).toMatchObject([{ level: 'warn', mend: expect.stringContaining('plain processes') }]);
  });

  test('one whose clock is off warns', async () => {
    const server = createServer((_, response) => {
      const info = {
        ID: 'x',
        OSType: 'linux',
        NCPU: 2,
        ServerVersion: '99',
        SystemTime: instant(Date.now() - 300_000),
      };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(info));
    });
    const port = await listening(server);
    const cwd = await scratch();
    const env = { DOCKER_HOST: `tcp://127.0.0.1:${port}`, ERRAND_EXCHANGE_HOST_PATH: '/x', ERRAND_DRIVER: 'docker' };
    expect((await doctor(cwd, env)).of('clock')).toMatchObject([
      { level: 'warn', what: expect.stringMatching(/Docker is \d+ s behind/), mend: expect.any(String) },
    ]);
  });
});

describeWithDocker('a Docker engine', () => {
  test('a real one sees the data directory, and tells the time', async () => {
    const cwd = await scratch();
    const report = await doctor(cwd, { ERRAND_DRIVER: 'docker' });
    expect(report.code).toBe(0);
    expect(report.of('Docker')).toMatchObject([{ level: 'ok', what: expect.stringContaining('a canary shows') }]);
    expect(report.of('clock')).toMatchObject([{ level: 'ok' }]);
    expect(await readdir(cwd)).toEqual([]);
  });

  test('one that sees another directory than ours fails, with the way out', async () => {
    const cwd = await scratch();
    await dataIn(cwd);
    const report = await doctor(cwd, { ERRAND_DRIVER: 'docker', ERRAND_EXCHANGE_HOST_PATH: '/somewhere/else' });
    expect(report.code).toBe(1);
    expect(report.of('Docker')).toMatchObject([
      { level: 'fail', what: expect.stringContaining('Set ERRAND_EXCHANGE_HOST_PATH') },
    ]);
  });
});

describe('server', () => {
  test('one that runs says that it is ready; one that was named and is not there fails', async () => {
    const server = await testServer();
    onTestFinished(server.stop);
    const cwd = await scratch();
    const ready = await doctor(cwd, { ...byProcess, ERRAND_URL: server.url });
    expect(ready.of('server')).toMatchObject([{ level: 'ok', what: `${server.url} is ready` }]);
    const gone = await doctor(cwd, byProcess, ['--url', 'http://127.0.0.1:1']);
    expect(gone.code).toBe(1);
    expect(gone.of('server')).toMatchObject([{ level: 'fail', what: expect.stringContaining('no Errand server') }]);
  });

  test.each([
    ['is no Errand', 200, {}, 0, 'fail', 'no Errand server'],
    ['is not ready', 503, { code: 'storageFull', detail: 'The disk is full.' }, 0, 'fail', 'The disk is full.'],
    ['wants a key', 401, undefined, 0, 'warn', 'wants a key'],
    ['has put messages aside', 200, { status: 'ready', poisonMessages: 3 }, 0, 'warn', 'put 3 messages aside'],
    ['has another time', 200, { status: 'ready' }, 300_000, 'warn', 's ahead of this machine'],
  ])('one that %s', async (_, status, body, aheadMs, level, what) => {
    const server = createServer((_request, response) => {
      response.setHeader('date', new Date(Date.now() + aheadMs).toUTCString());
      if (status === 503) response.setHeader('content-type', 'application/problem+json');
      response.writeHead(status).end(body === undefined ? '' : JSON.stringify(body));
    });
    const url = `http://127.0.0.1:${await listening(server)}`;
    const report = await doctor(await scratch(), byProcess, ['--url', url]);
    expect(report.of('server').at(-1)).toMatchObject({ level, what: expect.stringContaining(what) });
  });
});
