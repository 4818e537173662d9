import { setTimeout as pause } from 'node:timers/promises';

import { beforeAll, expect, test } from 'vitest';

import type { RunView } from '../../src/contract/run.ts';
import { checkPromise, describeBreach } from '../promise/check-promise.ts';
import { attacks, isFull, type Attack } from './attacks.ts';
import { carryOut, problemsOf } from './support/attack-all.ts';
import type { AttackFacts, Surroundings } from './support/attack-facts.ts';
import { endNeighbour, startNeighbour, steadyCaller, type Calls } from './support/neighbours.ts';
import type { Place, PlaceName } from './support/place.ts';

/**
 * How much more memory the orchestrator may take than it had before the attacks. V8 lets 64 MiB of buffers and three halves of 16 MiB of the young generation
 * come together before it collects them (`kExternalAllocationSoftLimit` and `max_semi_space_size` in its heap.h), so some 115 MB may be of no use to anybody.
 * A log is four times 64 MB here where it is held in memory. Where logs are in Blob storage, the SDK's buffers come to some 100 MB more, whether 64 MB or 240 MB
 * are read.
 */
const mostGrowth: Record<PlaceName, number> = { docker: 150e6, 'container groups': 300e6 };

/** Hostile tasks at once, beside one that prints much. */
const besides = 4;

/** Everything that hostile tasks try at once in one place, beside a quiet run and a steady caller. */
export function hostileTasks(name: PlaceName, openPlace: () => Promise<Place>): void {
  const own = attacks.filter(({ only = name }) => only === name);
  const done = new Map<Attack, AttackFacts>();
  let surroundings: Surroundings;
  let neighbour: RunView;
  let memory: { before: number; peak: number };
  let caller: Calls;
  let breaches: string[];

  beforeAll(
    async () => {
      const place = await openPlace();
      try {
        surroundings = { place, neighbour: await startNeighbour(place) };
        const before = place.orchestrator.memory().now;
        place.orchestrator.forgetPeak();
        const calls = steadyCaller(place);
        await inLanes(own, async (attack) => done.set(attack, await carryOut(attack, surroundings)));
        caller = await calls.stop();
        memory = { before, peak: place.orchestrator.memory().peak };
        if (isFull) say(name, done, caller, memory);
        neighbour = await endNeighbour(surroundings.neighbour, place);
        breaches = await promiseAfter(place, [...[...done.values()].map(({ run }) => run), neighbour]);
      } finally {
        await place.close();
      }
    },
    isFull ? 1_800_000 : 600_000,
  );

  test.each(own)('$name: $about', (attack) => {
    const facts = done.get(attack);
    expect(facts === undefined ? ['it was not carried out'] : problemsOf(attack, facts, surroundings)).toEqual([]);
  });

  test('the neighbour went on all the while, and ended as if there had been nobody else', () => {
    expect(neighbour).toMatchObject({ state: 'succeeded', exitCode: 0, log: { complete: true, truncated: false } });
    const { lines, longestGapMs } = neighbour.output as { lines: number; longestGapMs: number };
    expect(neighbour.log?.lines).toBe(lines);
    expect(lines).toBeGreaterThan(20);
    expect(longestGapMs).toBeLessThan(10_000);
  });

  test('the orchestrator answered all the while, and needed little memory', () => {
    expect(caller.failures).toEqual([]);
    expect(caller.answers).toBeGreaterThan(20);
    expect(caller.slowestMs).toBeLessThan(10_000);
    expect(memory.peak - memory.before).toBeLessThan(mostGrowth[name]);
  });

  test('the promise was kept, and nothing is left', () => {
    expect(breaches).toEqual([]);
  });
}

/** Those that print much one after the other, beside the others, a few at a time: what the orchestrator needs for each is to be seen. */
async function inLanes(own: readonly Attack[], work: (attack: Attack) => Promise<unknown>): Promise<void> {
  const loud = own.filter(({ meanwhile, watch }) => meanwhile === 'follow' || watch === 'engineLog');
  const others = own.filter((attack) => !loud.includes(attack));
  const lane = async (queue: Attack[]): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all([lane(loud), ...Array.from({ length: besides }, () => lane(others))]);
}

/** Waits for the last removals, stops the orchestrator and holds what is left against the promise. */
async function promiseAfter(place: Place, runs: readonly RunView[]): Promise<string[]> {
  await untilContainersAreGone(place, runs);
  await place.orchestrator.stop();
  const { close, ...evidence } = await place.evidence();
  try {
    const acceptances = runs.map(({ id: runId }) => ({ runId }));
    const found = await checkPromise({ ...evidence, acceptances, executions: place.tally.executions() });
    return found.map(describeBreach);
  } finally {
    await close();
  }
}

/** What is not gone by then is found by the check that follows. */
async function untilContainersAreGone({ client }: Place, runs: readonly RunView[]): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const now = await Promise.all(runs.map(({ id }) => client.get(id)));
    if (now.every(({ attempts }) => attempts.every(({ containerGone }) => containerGone))) return;
    await pause(300);
  }
}

/** The figures of a place, for people. */
function say(
  name: PlaceName,
  done: ReadonlyMap<Attack, AttackFacts>,
  { answers, slowestMs }: Calls,
  { before, peak }: { before: number; peak: number },
): void {
  const lines = [...done].map(([attack, { run }]) => {
    const seconds = (Date.parse(run.endedAt ?? '') - Date.parse(run.createdAt)) / 1000;
    return `${name}: ${attack.name}: ${run.state}, ${run.reason}, ${seconds} s, log ${run.log?.bytes} + ${run.log?.droppedBytes} bytes`;
  });
  lines.push(
    `${name}: ${answers} answers to a steady caller, the slowest after ${Math.round(slowestMs)} ms; memory of the orchestrator ${Math.round(before / 1e6)} MB, at most ${Math.round(peak / 1e6)} MB`,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}
