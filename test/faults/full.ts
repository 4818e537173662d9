import { parseArgs } from 'node:util';

import { describeBreach, type Breach } from '../promise/check-promise.ts';
import { describeCell, runBroken, runCell, type Cell, type CellOptions, type OpenWorld } from './support/cell.ts';
import { kindsOf, portFaults } from './support/fault-table.ts';
import { controls } from './support/controls.ts';
import { localWorld } from './support/local-world.ts';
import { cellsOf, emptyTally, tableOf, thinCells, type PlaceFaults } from './support/matrix.ts';

interface Stage {
  name: string;
  faults: PlaceFaults;
  open: OpenWorld;
  close(): Promise<void>;
  /** Scenarios at once: most of their time they wait. */
  lanes: number;
  options: CellOptions;
}

const wantedFaults = 5_000;
const leastOfACell = 20;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const log = (line: string): void => void process.stderr.write(`${line}\n`);

async function localStage(): Promise<Stage> {
  const ports = Object.keys(portFaults);
  return {
    name: 'ports',
    faults: Object.fromEntries(ports.map((port) => [port, kindsOf(port)])),
    open: localWorld,
    close: async () => undefined,
    lanes: 4,
    options: { rounds: 1, patienceMs: 240_000 },
  };
}

const stages: Readonly<Record<string, () => Promise<Stage>>> = { ports: localStage };

/** Every kind of fault at every port and on every wire, by every schedule. docs/fault-test.md says how to read what it prints. */
async function main({ seed, only }: { seed: number; only: string | undefined }): Promise<number> {
  const tally = emptyTally();
  const failures: string[] = [];
  const began = performance.now();
  const minutes = (): string => ((performance.now() - began) / 60_000).toFixed(1);

  async function one(stage: Stage, cell: Cell): Promise<void> {
    const name = describeCell(stage.name, cell);
    const report = await runCell(stage.open, cell, stage.options).catch((error: unknown) => {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { breaches: [{ invariant: 'tidy', what } satisfies Breach], runs: 0, counts: new Map(), repeats: 0 };
    });
    tally.scenarios += 1;
    tally.runs += report.runs;
    for (const [key, count] of report.counts) {
      tally.faults += count;
      tally.cells.set(key, (tally.cells.get(key) ?? 0) + count);
    }
    tally.lost += report.breaches.filter(({ invariant }) => invariant === 'I1').length;
    tally.startedTwice += report.breaches.filter(({ invariant }) => invariant === 'I2').length;
    tally.containersLeft += report.breaches.filter(({ invariant }) => invariant === 'I8').length;
    for (const breach of report.breaches) {
      const line = `${name} (seed ${cell.seed}): ${describeBreach(breach)}`;
      failures.push(line);
      log(line);
    }
    if (tally.scenarios % 20 === 0) log(`${tally.scenarios} scenarios, ${tally.faults} faults, ${minutes()} min`);
  }

  for (const [name, open] of Object.entries(stages)) {
    if (only !== undefined && !only.startsWith(`${name} `)) continue;
    const stage = await open();
    try {
      const cells = cellsOf(stage.faults, seed).filter(
        (cell) => only === undefined || describeCell(name, cell) === only,
      );
      if (only !== undefined && cells.length === 0) throw new Error(`there is no scenario "${only}"`);
      const left = [...cells];
      const lane = async (): Promise<void> => {
        for (let cell = left.shift(); cell !== undefined; cell = left.shift()) await one(stage, cell);
      };
      await Promise.all(Array.from({ length: stage.lanes }, lane));
      if (only === undefined) failures.push(...thinCells(tally, stage.faults, leastOfACell));
      for (const line of tableOf(tally, stage.faults)) say(line);
    } finally {
      await stage.close();
    }
  }
  if (only === undefined) {
    if (tally.faults < wantedFaults) failures.push(`${tally.faults} faults, fewer than ${wantedFaults}`);
    failures.push(...(await uncaught()));
  }
  for (const line of failures) say(`FAILED: ${line}`);
  say(
    `${tally.faults} faults, ${tally.scenarios} scenarios, ${tally.runs} runs, ${tally.lost} lost, ${tally.startedTwice} started twice, ${tally.containersLeft} containers left, ${minutes()} min, seed ${seed}`,
  );
  return failures.length === 0 ? 0 : 1;
}

/** Broken variants that were not caught. */
async function uncaught(): Promise<string[]> {
  const problems: string[] = [];
  for (const control of controls) {
    const { isCaught, found } = await runBroken(localWorld, control);
    log(`${isCaught ? 'caught' : 'NOT CAUGHT'}: ${control.name}`);
    if (!isCaught) problems.push(`not caught: ${control.name}${found === '' ? '' : `, only ${found}`}`);
  }
  return problems;
}

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' }, only: { type: 'string' } } });
process.exitCode = await main({ seed: Number(values.seed), only: values.only });
