import { parseArgs } from 'node:util';

import { describeBreach, type Breach } from '../promise/check-promise.ts';
import { processFaults } from './process/all.ts';
import { describeCell, readCell, runBroken, runCell, type Cell } from './support/cell.ts';
import { controls } from './support/controls.ts';
import { e2eUnderFaults } from './support/e2e-under-faults.ts';
import { faultKinds, schedules } from './support/injector.ts';
import { localWorld } from './support/local-world.ts';
import { addCounts, tableOf, thinCells, type Counts } from './support/matrix.ts';
import type { Stage } from './support/stage.ts';
import { stages } from './support/stages.ts';

interface Only {
  place: string;
  /** Undefined: all of the place. */
  scenario: string | undefined;
}

const wantedFaults = 5_000;
const leastOfACell = 20;
/** A cell that has fewer gets so many more scenarios of its own at most. */
const mostMore = 20;
const e2eLanes = 4;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const log = (line: string): void => void process.stderr.write(`${line}\n`);

const total = { faults: 0, scenarios: 0, runs: 0, lost: 0, startedTwice: 0, containersLeft: 0 };
const failures: string[] = [];
const began = performance.now();
const minutes = (): string => ((performance.now() - began) / 60_000).toFixed(1);

/** Every kind of fault at every port and on every wire, by every schedule. docs/fault-test.md says how to read what it prints. */
async function main(seed: number, only: Only | undefined): Promise<void> {
  const isWanted = (place: string): boolean => only === undefined || only.place === place;
  for (const [name, open] of Object.entries(stages)) if (isWanted(name)) await runStage(await open(), seed, only);
  if (isWanted('e2e')) await runE2e(seed, only?.scenario);
  if (isWanted('process')) await runProcessFaults(seed);
  if (isWanted('controls')) await runControls();
  if (only === undefined && total.faults < wantedFaults)
    failures.push(`${total.faults} faults, fewer than ${wantedFaults}`);
  for (const line of failures) say(`FAILED: ${line}`);
  const { faults, scenarios, runs, lost, startedTwice, containersLeft } = total;
  say(
    `${faults} faults, ${scenarios} scenarios, ${runs} runs, ${lost} lost, ${startedTwice} started twice, ${containersLeft} containers left, ${minutes()} min, seed ${seed}`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}

async function runStage(stage: Stage, seed: number, only: Only | undefined): Promise<void> {
  const counts: Counts = new Map();
  try {
    const wanted = only?.scenario;
    await inLanes(stage, wanted === undefined ? stage.cells(seed) : [readCell(wanted, seed)], counts);
    if (wanted !== undefined) return;
    for (let more = 1; more <= mostMore; more += 1) {
      const thin = thinCells(counts, stage.faults, leastOfACell);
      const cells = thin.map(({ port, kind }): Cell => {
        return { kinds: [kind], ports: [port], schedule: 'half', seed: seed + more };
      });
      await inLanes(stage, cells, counts);
    }
    for (const { port, kind, count } of thinCells(counts, stage.faults, leastOfACell))
      failures.push(`${stage.name} ${port} ${kind}: ${count} faults, fewer than ${leastOfACell}`);
  } finally {
    await stage.close();
    for (const line of tableOf(stage.name, counts, stage.faults)) say(line);
    log(`${stage.name}: ${total.scenarios} scenarios, ${total.faults} faults so far, ${minutes()} min`);
  }
}

async function inLanes(stage: Stage, cells: readonly Cell[], counts: Counts): Promise<void> {
  const left = [...cells];
  const lane = async (): Promise<void> => {
    for (let cell = left.shift(); cell !== undefined; cell = left.shift()) await runOne(stage, cell, counts);
  };
  await Promise.all(Array.from({ length: stage.lanes }, lane));
}

async function runOne(stage: Stage, cell: Cell, counts: Counts): Promise<void> {
  const name = `${describeCell(stage.name, cell)} (seed ${cell.seed})`;
  const start = performance.now();
  const report = await runCell(stage.open, cell, stage.options).catch((error: unknown) => {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { breaches: [{ invariant: 'tidy', what } satisfies Breach], runs: 0, counts: new Map<string, number>() };
  });
  const breachesOf = (invariant: string): number =>
    report.breaches.filter((breach) => breach.invariant === invariant).length;
  total.scenarios += 1;
  total.runs += report.runs;
  total.faults += addCounts(counts, report.counts);
  total.lost += breachesOf('I1');
  total.startedTwice += breachesOf('I2');
  total.containersLeft += breachesOf('I8');
  for (const breach of report.breaches) {
    failures.push(`${name}: ${describeBreach(breach)}`);
    log(`${name}: ${describeBreach(breach)}`);
  }
  const seconds = ((performance.now() - start) / 1_000).toFixed(0);
  log(
    `${name}: ${report.runs} runs, ${seconds} s; ${total.scenarios} scenarios, ${total.faults} faults, ${minutes()} min`,
  );
}

async function runE2e(seed: number, wanted: string | undefined): Promise<void> {
  const kinds = [...faultKinds.filter((kind) => kind !== 'halfOpen'), 'all'];
  const all = kinds.flatMap((kind) => schedules.map((schedule) => `${kind} ${schedule}`));
  const chosen = (wanted === undefined ? all : [wanted]).map((name) => `${name} ${seed}`);
  const outcome = await e2eUnderFaults(chosen, e2eLanes);
  say(
    `e2e       ${outcome.tests} tests passed and ${outcome.leftOut} left out in ${outcome.scenarios} combinations, ${outcome.runs} runs, ${outcome.faults} faults at ports`,
  );
  total.scenarios += outcome.scenarios;
  total.faults += outcome.faults;
  total.runs += outcome.runs;
  for (const line of outcome.failures) {
    failures.push(`e2e ${line}`);
    log(`e2e ${line}`);
  }
}

async function runProcessFaults(seed: number): Promise<void> {
  const { lines, failures: found, ...figures } = await processFaults({ seed, log });
  for (const line of lines) say(`process   ${line}`);
  // One line for each.
  total.scenarios += lines.length;
  total.faults += figures.faults;
  total.runs += figures.runs;
  total.lost += figures.lost;
  total.startedTwice += figures.startedTwice;
  total.containersLeft += figures.containersLeft;
  failures.push(...found.map((line) => `process ${line}`));
}

/** Broken variants, each of which must be caught. */
async function runControls(): Promise<void> {
  for (const control of controls) {
    const { isCaught, found } = await runBroken(localWorld, control);
    say(`control   ${isCaught ? 'caught' : 'NOT CAUGHT'}: ${control.name}`);
    if (!isCaught) failures.push(`not caught: ${control.name}${found === '' ? '' : `, only ${found}`}`);
  }
}

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' }, only: { type: 'string' } } });
const [place = '', ...rest] = values.only?.split(' ') ?? [];
await main(
  Number(values.seed),
  values.only === undefined ? undefined : { place, scenario: rest.length === 0 ? undefined : rest.join(' ') },
);
