import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startEmulator, type Emulator } from '../../emulator/server.ts';
import { bundleFunctions, type Bundle } from '../../scripts/bundle-functions.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';

const run = promisify(execFile);
let directory: string;
let bundle: Bundle;
let worker: string;
let azurite: Azurite;
let emulator: Emulator;

beforeAll(async () => {
  // Outside of the repository, whose packages it would find otherwise.
  directory = await mkdtemp(join(tmpdir(), 'errand-bundle-'));
  worker = join(directory, 'worker.mjs');
  [bundle, azurite, emulator] = await Promise.all([
    bundleFunctions({ directory: join(directory, 'app') }),
    startAzurite(),
    startEmulator(),
  ]);
  const entryPoints = [resolve('bench/functions-worker.ts')];
  await build({ entryPoints, outfile: worker, bundle: true, platform: 'node', format: 'esm' });
});
afterAll(async () => {
  await azurite.stop();
  await emulator.close();
  await rm(directory, { recursive: true, force: true });
});

function settings() {
  return {
    PATH: process.env['PATH'],
    ERRAND_STORAGE_CONNECTION_STRING: azurite.connectionString,
    ERRAND_ARM_ENDPOINT: emulator.url,
    ERRAND_SUBSCRIPTION_ID: '00000000-0000-4000-8000-000000000000',
    ERRAND_RESOURCE_GROUP: 'runs',
  };
}

test.each(['/healthz', '/readyz', '/api/tasks', '/api/openapi.json'])(
  'the folder answers GET %s with nothing but what is in it',
  async (path) => {
    const { stdout } = await run(process.execPath, [worker, bundle.main, path], { env: settings(), cwd: directory });
    expect(JSON.parse(stdout)).toMatchObject({ firstAnswerMs: expect.any(Number) });
  },
);

test('where telemetry is exported the folder has what that needs, and nothing of it is loaded otherwise', async () => {
  const support = (name: string): string[] => ['--import', pathToFileURL(resolve('test/support', name)).href];
  const loaded = async (insights: string): Promise<string[]> => {
    const file = join(directory, 'loaded');
    await rm(file, { force: true });
    const env = {
      ...settings(),
      APPLICATIONINSIGHTS_CONNECTION_STRING: insights,
      APPLICATION_INSIGHTS_NO_STATSBEAT: '1',
      LOADED_MODULES: file,
    };
    const hooks = [...support('loopback-only.ts'), ...support('loaded-modules.ts')];
    await run(process.execPath, [...hooks, worker, bundle.main, '/healthz'], { env, cwd: directory });
    return (await readFile(file, 'utf8')).split('\n').filter((url) => /\/(?:telemetry|application)-[^/]*$/.test(url));
  };
  expect(await loaded('')).toEqual([]);
  // Nobody takes connections there.
  const nowhere = 'InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=https://127.0.0.1:9';
  expect((await loaded(nowhere)).join('\n')).toMatch(/telemetry-sdk\.js[^]*application-insights-exporters\.js/);
});

test('what is loaded late has its names', async () => {
  const late = await bundleFunctions({
    directory: join(directory, 'late'),
    entry: resolve('test/entry/support/late-imports.ts'),
  });
  const { stdout } = await run(process.execPath, [late.main], { cwd: directory });
  const parts = JSON.parse(stdout) as string[];
  expect(parts).toHaveLength(6);
  expect(parts.filter((part) => !part.endsWith(' function'))).toEqual([]);
});

test('the dashboard lies beside it, where the server of a package has it', async () => {
  expect(await readFile(join(directory, 'app/dist/web/index.html'), 'utf8')).toContain('<title>Errand</title>');
});

test('addresses are ours alone, and messages that fail go to the poison queue after five tries', async () => {
  const host = JSON.parse(await readFile(join(directory, 'app/host.json'), 'utf8')) as Record<string, unknown>;
  expect(host).toMatchObject({
    version: '2.0',
    extensions: { http: { routePrefix: '' }, queues: { maxDequeueCount: 5, messageEncoding: 'base64' } },
  });
  const manifest = JSON.parse(await readFile(join(directory, 'app/package.json'), 'utf8')) as Record<string, unknown>;
  expect(manifest).toMatchObject({ type: 'module', main: 'functions.js' });
});
