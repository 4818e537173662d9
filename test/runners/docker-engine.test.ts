import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemClock, type Clock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { dockerEngine } from '../../src/runners/docker-engine.ts';
import { EngineAnswer } from '../../src/runners/docker-errors.ts';
import { dockerRunner } from '../../src/runners/docker.ts';

/** A second passes in two milliseconds. */
const fast: Clock = { ...systemClock, after: (ms, callback) => systemClock.after(ms / 500, callback) };

describe('an engine that does not answer as it should', () => {
  let directory = '';
  let socketPath = '';
  const servers: Server[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-engine-'));
    socketPath = join(directory, 'engine.sock');
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    await rm(directory, { recursive: true });
  });

  async function listen(server: Server): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(socketPath, resolve);
    servers.push(server);
    await promise;
  }

  function driver(clock: Clock = systemClock, runnerScript = '/nonexistent') {
    return dockerRunner({
      connection: { socketPath },
      runnerScript,
      directory,
      maximumRunners: 1,
      logger: silentLogger,
      clock,
    });
  }

  test('a socket that is not there says how to mend it', async () => {
    await expect(driver().observe('x')).rejects.toMatchObject({
      code: 'platformUnavailable',
      message: expect.stringMatching(/engine\.sock.*start Docker, or set DOCKER_HOST/),
    });
  });

  test('a port where nobody listens says how to mend it', async () => {
    const engine = dockerEngine({ host: '127.0.0.1', port: 1 }, systemClock);
    const asked = engine.call('say its version', {}, async (docker) => docker.version());
    await expect(asked).rejects.toMatchObject({
      code: 'platformUnavailable',
      message: expect.stringMatching(/tcp:\/\/127\.0\.0\.1:1 .*Nobody listens there/),
    });
  });

  test('one that takes connections and stays silent is given up after the limit', async () => {
    await listen(createServer(() => {}));
    await expect(driver(fast).observe('x')).rejects.toMatchObject({
      code: 'platformUnavailable',
      message: expect.stringContaining('no answer within 30 s'),
    });
  });

  test('one that begins an answer and stops is given up after the limit', async () => {
    await listen(
      createHttpServer((_request, response) => void response.writeHead(200, { 'content-length': 100 }).write('{')),
    );
    await expect(driver(fast).observe('x')).rejects.toMatchObject({ code: 'platformUnavailable' });
  });

  test('a caller who gives up gets the own reason', async () => {
    await listen(createServer(() => {}));
    const asked = driver().observe('x', { signal: AbortSignal.timeout(50) });
    await expect(asked).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('something else that says 404 is not taken for an engine without the container', async () => {
    await listen(createHttpServer((_request, response) => void response.writeHead(404).end('<h1>not here</h1>')));
    await expect(driver().observe('x')).rejects.toMatchObject({
      code: 'platformUnavailable',
      message: expect.stringContaining('not a Docker engine'),
    });
  });

  test('an error of the engine is an outage, in its own words', async () => {
    const body = JSON.stringify({ message: 'layer store is on fire' });
    await listen(
      createHttpServer(
        (_request, response) => void response.writeHead(500, { 'content-type': 'application/json' }).end(body),
      ),
    );
    await expect(driver().observe('x')).rejects.toMatchObject({
      code: 'platformUnavailable',
      message: 'Docker could not look at the container x: layer store is on fire (HTTP 500).',
    });
    const engine = dockerEngine({ socketPath }, systemClock);
    const handled = engine.call('work', { handles: [500] }, async (docker) => docker.version());
    await expect(handled).rejects.toBeInstanceOf(EngineAnswer);
  });

  test('an engine for Windows containers is refused', async () => {
    const info = JSON.stringify({ ID: 'x', NCPU: 2, OSType: 'windows' });
    await listen(createHttpServer((_request, response) => void response.writeHead(200).end(info)));
    await expect(driver().check()).rejects.toMatchObject({
      code: 'invalidConfiguration',
      message: expect.stringContaining('windows'),
    });
  });

  test('canaries that a killed orchestrator left are removed, those of one at work are not', async () => {
    const now = systemClock.now() / 1000;
    const canaries = [
      { Id: 'old', Created: now - 3600 },
      { Id: 'young', Created: now - 5 },
    ];
    const removed: string[] = [];
    await listen(
      createHttpServer((request, response) => {
        const url = request.url ?? '';
        if (request.method === 'DELETE') removed.push(url.replace(/\?.*/, ''));
        const refuse = url.includes('/containers/create');
        response.writeHead(refuse ? 400 : 200, { 'content-type': 'application/json' });
        if (url.includes('/info')) return void response.end(JSON.stringify({ ID: 'x', NCPU: 2, OSType: 'linux' }));
        if (url.includes('/containers/json')) return void response.end(JSON.stringify(canaries));
        response.end(JSON.stringify(refuse ? { message: 'enough' } : {}));
      }),
    );
    const runnerScript = join(directory, 'runner.sh');
    await writeFile(runnerScript, 'exit 0\n');
    await expect(driver(systemClock, runnerScript).check()).rejects.toMatchObject({ code: 'invalidConfiguration' });
    expect(removed).toEqual(['/containers/old']);
  });

  test('where the environment names another engine, the given one is asked all the same', async () => {
    const before = process.env['DOCKER_HOST'];
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    try {
      await listen(createHttpServer((_request, response) => void response.writeHead(200).end('{"Version":"ours"}')));
      const engine = dockerEngine({ socketPath }, systemClock);
      expect(await engine.call('say its version', {}, async (docker) => docker.version())).toEqual({ Version: 'ours' });
    } finally {
      if (before === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = before;
    }
  });
});
