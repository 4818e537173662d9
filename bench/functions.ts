// The cold start of the function app: bytes of the bundle, and CPU time from the start of node to the first answer, beside an empty app of the same model.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { build } from 'esbuild';

import { bundleFunctions } from '../scripts/bundle-functions.ts';
import { startAzurite } from '../test/support/azurite.ts';

interface Start {
  loadMs: number;
  firstAnswerMs: number;
  wallMs: number;
}

const rounds = 9;
const aim = 2;
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const run = promisify(execFile);

const directory = mkdtempSync(join(tmpdir(), 'errand-bench-'));
const azurite = await startAzurite();
const settings = {
  PATH: process.env['PATH'],
  ERRAND_STORAGE_CONNECTION_STRING: azurite.connectionString,
  ERRAND_SUBSCRIPTION_ID: '00000000-0000-4000-8000-000000000000',
  ERRAND_RESOURCE_GROUP: 'runs',
  ERRAND_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  ERRAND_LOG_LEVEL: 'silent',
};

async function start(worker: string, main: string, path: string): Promise<Start> {
  const { stdout } = await run(process.execPath, [worker, main, path], { env: settings });
  return JSON.parse(stdout) as Start;
}

function median(starts: readonly Start[], field: keyof Start): number {
  return starts.map((each) => each[field]).toSorted((a, b) => a - b)[Math.floor(starts.length / 2)] ?? 0;
}

try {
  const worker = join(directory, 'worker.mjs');
  await build({
    entryPoints: [here('functions-worker.ts')],
    outfile: worker,
    bundle: true,
    platform: 'node',
    format: 'esm',
    minify: true,
  });
  const empty = await bundleFunctions({ directory: join(directory, 'empty'), entry: here('functions-empty.ts') });
  const ours = await bundleFunctions({ directory: join(directory, 'errand') });
  const cases = [
    { name: 'an empty app', main: empty.main, path: '/' },
    { name: 'errand, GET /healthz', main: ours.main, path: '/healthz' },
    { name: 'errand, GET /api/runs (tables)', main: ours.main, path: '/api/runs' },
  ].map((each) => ({ ...each, starts: [] as Start[] }));
  // In turn, so that what else the machine does is shared by all.
  for (let round = 0; round < rounds; round += 1)
    for (const { main, path, starts } of cases) starts.push(await start(worker, main, path));

  const base = median(cases[0]?.starts ?? [], 'firstAnswerMs');
  process.stdout.write(
    `bundle: ${Math.round(ours.bytes / 1024)} KB (an empty app: ${Math.round(empty.bytes / 1024)} KB)\n`,
  );
  process.stdout.write(`CPU time from the start of node, median of ${rounds}:\n`);
  for (const { name, starts } of cases) {
    const first = median(starts, 'firstAnswerMs');
    process.stdout.write(
      `  ${name.padEnd(32)} loaded ${median(starts, 'loadMs').toFixed(0).padStart(4)} ms, first answer ${first.toFixed(0).padStart(4)} ms (${median(starts, 'wallMs').toFixed(0)} ms by the clock), ${(first / base).toFixed(2)} times an empty app\n`,
    );
  }
  const ratio = median(cases[1]?.starts ?? [], 'firstAnswerMs') / base;
  process.stdout.write(
    `the aim is at most ${aim.toFixed(1)} times: ${ratio <= aim ? 'met' : 'missed'} by GET /healthz\n`,
  );
  process.exitCode = ratio <= aim ? 0 : 1;
} finally {
  await azurite.stop();
  rmSync(directory, { recursive: true, force: true });
}
