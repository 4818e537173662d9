import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import { dockerEngine, type DockerEngine } from '../../src/runners/docker-engine.ts';
import { ensureIsolatedNetwork } from '../../src/runners/docker-network.ts';

/** A network as engines list it. */
function network(id: string, name: string, options: Record<string, string>, driver = 'bridge', second = 0) {
  return { Id: id, Name: name, Driver: driver, Options: options, Created: `2026-01-01T00:00:0${second}.5Z` };
}

const apart = { 'com.docker.network.bridge.enable_icc': 'false' };

describe('the network of tasks', () => {
  let directory = '';
  let close: () => void = () => undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-network-'));
  });
  afterEach(async () => {
    close();
    await rm(directory, { recursive: true });
  });

  /** As much of an engine as has networks; `onCreate` says what a request to make one comes to. */
  async function engineWith(
    listed: object[],
    onCreate: () => number = () => 201,
  ): Promise<{ engine: DockerEngine; created: () => number; removed: string[]; asked: () => object }> {
    let created = 0;
    let asked = '';
    const removed: string[] = [];
    const server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.method === 'GET') return void response.end(JSON.stringify(listed));
      if (request.method === 'DELETE') {
        removed.push(request.url?.split('/').at(-1) ?? '');
        return void response.writeHead(204).end();
      }
      created += 1;
      request.setEncoding('utf8').on('data', (text: string) => (asked += text));
      const status = onCreate();
      response
        .writeHead(status)
        .end(JSON.stringify(status === 201 ? { Id: 'made' } : { message: 'network with name errand already exists' }));
    });
    const socketPath = join(directory, 'engine.sock');
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(socketPath, resolve);
    await promise;
    close = () => server.close();
    return {
      engine: dockerEngine({ socketPath }, systemClock),
      created: () => created,
      removed,
      asked: () => JSON.parse(asked) as object,
    };
  }

  test('is taken as it is found, and is not one that only has the name in its name', async () => {
    const { engine, created } = await engineWith([network('b', 'errand-other', {}), network('a', 'errand', apart)]);
    expect(await ensureIsolatedNetwork(engine, {})).toBe('a');
    expect(created()).toBe(0);
  });

  test('of two that were made at once the older one stays, since an engine starts nothing on either while there are two', async () => {
    const { engine, removed } = await engineWith([
      network('a', 'errand', apart, 'bridge', 2),
      network('b', 'errand', apart, 'bridge', 1),
    ]);
    expect(await ensureIsolatedNetwork(engine, {})).toBe('b');
    expect(removed).toEqual(['a']);
  });

  test.each([
    ['whose containers reach each other', network('a', 'errand', {})],
    ['of another kind', network('a', 'errand', apart, 'macvlan')],
  ])('is refused where there is one %s', async (_name, found) => {
    const { engine, created } = await engineWith([found]);
    await expect(ensureIsolatedNetwork(engine, {})).rejects.toMatchObject({
      code: 'invalidConfiguration',
      message: expect.stringContaining('docker network rm errand'),
    });
    expect(created()).toBe(0);
  });

  test.each([201, 409])('is made where it is missing, be it by another (%d)', async (status) => {
    const listed: object[] = [];
    const { engine, created, asked } = await engineWith(listed, () => {
      listed.push(network('a', 'errand', apart));
      return status;
    });
    expect(await ensureIsolatedNetwork(engine, {})).toBe('a');
    expect(created()).toBe(1);
    expect(asked()).toMatchObject({ Name: 'errand', Driver: 'bridge', Options: apart });
  });
});
