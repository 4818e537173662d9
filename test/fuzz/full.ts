import { parseArgs } from 'node:util';

import { closingLine, fuzzRun, type FuzzRun } from './support/fuzz-run.ts';

/** Half of the requests go to a server with API keys, half to one without. `--seed`, `--path` and `--keys` send again what a failure has printed. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '1000000' },
      seed: { type: 'string' },
      path: { type: 'string' },
      keys: { type: 'string' },
      lanes: { type: 'string', default: '16' },
    },
  });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 30));
  const requests = Number(values.requests);
  const began = performance.now();
  const runs: FuzzRun[] = [];
  for (const hasKeys of [true, false]) {
    if (values.keys !== undefined && (values.keys === 'on') !== hasKeys) continue;
    const share = values.keys === undefined ? Math.ceil(requests / 2) : requests;
    say(`seed ${seed}, ${share} requests to a server ${hasKeys ? 'with' : 'without'} API keys`);
    const run = await fuzzRun({
      hasKeys,
      requests: share,
      seed,
      path: values.path,
      lanes: Number(values.lanes),
      onProgress: (sent) => {
        if (sent % 50_000 === 0) process.stderr.write(`${sent}, ${minutes(began)} min\n`);
      },
    });
    runs.push(run);
    tell(run, say);
  }
  say(`${minutes(began)} min`);
  say(closingLine(runs));
  return runs.every(({ breaches }) => breaches.length === 0) ? 0 : 1;
}

function tell({ figures, steady, memory, breaches }: FuzzRun, say: (line: string) => void): void {
  for (const [operation, counts] of figures.statuses) {
    const shown = [...counts].toSorted(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
    say(`  ${operation.padEnd(14)} ${shown.join(', ')}`);
  }
  say(`  ${figures.unanswered} connections ended without an answer, as they might`);
  say(`  steady caller: p50 ${steady.p50Ms} ms, p99 ${steady.p99Ms} ms, longest ${steady.maxMs} ms`);
  if (memory !== undefined)
    say(
      `  heap ${megabytes(memory.warm.heapUsed)} → ${megabytes(memory.end.heapUsed)} MB, RSS ${megabytes(memory.end.rss)} MB`,
    );
  for (const breach of breaches) say(`FAILED: ${breach}`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function minutes(since: number): string {
  return ((performance.now() - since) / 60_000).toFixed(1);
}

process.exitCode = await main();
