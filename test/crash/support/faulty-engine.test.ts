import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { faultyEngine } from './faulty-engine.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-faulty-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a container that the engine still makes is known, though nobody waits for it any more', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_, response) => resolve(response)).listen(join(directory, 'engine.sock'));
  await once(server, 'listening');
  const engine = await faultyEngine({
    directory,
    dockerHost: `unix://${join(directory, 'engine.sock')}`,
    tally: directory,
    judge: () => Promise.resolve('pass'),
  });

  const create = request({
    socketPath: engine.survivorHost.slice('unix://'.length),
    path: '/v1.41/containers/create?name=a-1',
    method: 'POST',
  });
  const gone = once(create, 'error');
  create.end('{}');
  const response = await asked;
  create.destroy();
  await gone;
  expect(engine.creating()).toEqual(['a-1']);
  response.end('{"Id":"1"}');
  await expect.poll(engine.creating).toEqual([]);
  expect(engine.answered).toMatchObject([{ container: 'a-1', status: 200 }]);

  await engine.close();
  await server[Symbol.asyncDispose]();
});
