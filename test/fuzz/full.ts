import { parseArgs } from 'node:util';

import { closingLine, fuzzRun, type FuzzRun } from './support/fuzz-run.ts';

/**
 * Half of the requests go to a server with API keys, half to one without, at the same time. `--seed`, `--path` and `--keys` send again what a failure
 * has printed.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '1000000' },
      seed: { type: 'string' },
      path: { type: 'string' },
      keys: { type: 'string' },
      lanes: { type: 'string', default: '8' },
    },
  });
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 30) : whole('seed', values.seed);
  const requests = whole('requests', values.requests);
  const lanes = whole('lanes', values.lanes);
  const places = [
    { hasKeys: true, seed },
    // Each lane counts on from the seed, and none is to ask what another asks.
    { hasKeys: false, seed: values.keys === undefined ? seed + lanes : seed },
  ].filter(({ hasKeys }) => values.keys === undefined || (values.keys === 'on') === hasKeys);
  const began = performance.now();
  const minutes = (): string => `${((performance.now() - began) / 60_000).toFixed(1)} min`;
  const runs = await Promise.all(
    places.map(async (place) => {
      const share = Math.ceil(requests / places.length);
      const name = `a server ${place.hasKeys ? 'with' : 'without'} API keys`;
      say(`seed ${place.seed}, ${share} requests to ${name}`);
      const run = await fuzzRun({
        ...place,
        requests: share,
        path: values.path,
        lanes,
        onProgress: (sent) => {
          if (sent % 50_000 === 0) process.stderr.write(`${sent} to ${name}, ${minutes()}\n`);
        },
      });
      tell(name, run);
      return run;
    }),
  );
  say(minutes());
  say(closingLine(runs));
  return runs.every(({ breaches }) => breaches.length === 0) ? 0 : 1;
}

function tell(name: string, { figures, steady, memory, breaches }: FuzzRun): void {
  say(name);
  for (const [operation, counts] of figures.statuses) {
    const shown = [...counts].toSorted(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
    say(`  ${operation.padEnd(14)} ${shown.join(', ')}`);
  }
  say(`  ${figures.unanswered} connections ended without an answer, as they might`);
  say(`  steady caller: p50 ${steady.p50Ms} ms, p99 ${steady.p99Ms} ms, longest ${steady.maxMs} ms`);
  if (memory !== undefined) {
    const { warm, end } = memory;
    say(
      `  heap ${megabytes(warm.heapUsed)} → ${megabytes(end.heapUsed)} MB, RSS ${megabytes(warm.rss)} → ${megabytes(end.rss)} MB`,
    );
  }
  for (const breach of breaches) say(`FAILED: ${breach}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function whole(name: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new Error(`--${name} takes a whole number, not ${text}`);
}

process.exitCode = await main();
