import { isTerminal } from '../../src/contract/run.ts';
import { fateOf } from '../../src/core/sweep.ts';
import { transition } from '../../src/core/transition.ts';
import { creatorSteps } from './creator.ts';
import { carryOut, discard } from './effects.ts';
import { containerSteps } from './runner.ts';
import { workerSteps, type Successor } from './worker.ts';
import { firstWorld, keyOf, modelOf, tick, withoutSpentWorkers, type Config, type Model, type World } from './world.ts';

export interface Verdict {
  states: number;
  steps: number;
  settled: number;
  /** What was broken first, with the shortest way there; undefined where nothing was. */
  problem: { what: string; trace: string[] } | undefined;
}

/** Everything that can happen next, to anybody. */
function successors(model: Model, world: World): Successor[] {
  const all: Successor[] = [];
  for (const index of world.workers.keys()) all.push(...workerSteps(model, world, index));
  for (const index of world.attempts.keys()) {
    all.push(
      ...creatorSteps(model, world, index),
      ...containerSteps(model, world, index),
      ...sweepSteps(model, world, index),
    );
  }
  for (const message of world.late) {
    const rest = world.late.filter((each) => each !== message);
    const name = `${message.kind} of container ${message.attempt}`;
    for (const after of carryOut(model, world, message))
      all.push({ label: `late ${name} arrives`, fault: true, world: after });
    all.push({ label: `late ${name} is lost`, fault: true, world: { ...world, late: rest } });
  }
  if (!world.canceled) {
    const run = transition(world.run, { type: 'cancelRequested', by: 'a client', at: world.now }, model.policy);
    all.push({
      label: 'a client cancels',
      fault: true,
      world: {
        ...world,
        canceled: true,
        run: run === undefined ? world.run : { ...run, version: world.run.version + 1 },
      },
    });
  }
  all.push({ label: 'time passes', fault: false, world: { ...world, now: world.now + tick } });
  return all;
}

/** sweep.ts, removeOrphans: the shipped rule says which container goes. */
function sweepSteps(model: Model, world: World, index: number): Successor[] {
  if (world.attempts[index]?.container === 'absent') return [];
  const listed = { name: '', runId: world.run.id, attempt: index + 1, createdAt: '' };
  if (fateOf(listed, world.run) !== 'remove') return [];
  return carryOut(model, world, { kind: 'remove', attempt: index }).map((after) => ({
    label: `the sweep removes container ${index}`,
    fault: false,
    world: discard(after, index),
  }));
}

/** What must hold in every state; undefined where it does. */
function violation({ config }: Model, world: World): string | undefined {
  if (world.broken !== undefined) return world.broken;
  const { run, attempts } = world;
  if (attempts.some(({ starts }) => starts > 1)) return 'user code started twice under one attempt';
  if (attempts.reduce((sum, { starts }) => sum + starts, 0) > config.maxAttempts)
    return 'user code started more often than retry allows';
  if (run.attempts.filter(({ counted }) => counted).length > config.maxAttempts)
    return 'more attempts counted than retry allows';
  if (run.state === 'succeeded' && attempts[run.attempts.length - 1]?.exit !== 0)
    return 'succeeded without an exit code 0';
  for (const [index, recorded] of run.attempts.entries()) {
    const { starts = 0, reported = false } = attempts[index] ?? {};
    if (recorded.endedAt === undefined) continue;
    if (recorded.fencedAt === undefined && starts > 0) return 'an attempt is recorded as not started, though it was';
    if (recorded.fencedAt !== undefined && recorded.exitCode === undefined && reported)
      return 'a result that was written is recorded as lost';
  }
  return undefined;
}

/** What no single step may do. */
function forbidden(before: World, after: World): string | undefined {
  if (before.run === after.run) return undefined;
  if (isTerminal(before.run.state) && after.run.state !== before.run.state)
    return `${before.run.state} became ${after.run.state}`;
  return !before.run.open && after.run.open ? 'a closed run was opened again' : undefined;
}

function isSettled({ run, attempts }: World): boolean {
  return isTerminal(run.state) && !run.open && attempts.every(({ container }) => container === 'absent');
}

/** Breadth first, so that the way to a problem is a shortest one. Throws where there are more than `most` states: nothing is proven then. */
export function check(config: Config, most = 5_000_000): Verdict {
  const model = modelOf(config);
  const first = firstWorld(model);
  const known = new Map<string, number>([[keyOf(first, model), 0]]);
  const parents: number[] = [-1];
  const labels: string[] = [''];
  const settled: number[] = [];
  const edges = edgeList();
  let steps = 0;
  let level: [id: number, world: World][] = [[0, first]];

  const traceTo = (id: number, last?: string): string[] => {
    const trace = last === undefined ? [] : [last];
    for (let at = id; at > 0; at = parents[at] ?? -1) trace.unshift(labels[at] ?? '');
    return trace;
  };
  const verdict = (problem: Verdict['problem']): Verdict => ({
    states: known.size,
    steps,
    settled: settled.length,
    problem,
  });

  while (level.length > 0) {
    const next: [number, World][] = [];
    for (const [id, world] of level) {
      if (isSettled(world)) settled.push(id);
      for (const { label, fault, world: reached } of successors(model, world)) {
        steps += 1;
        // Before states are taken for equal: what they are judged by is not all in the key.
        const wrong = forbidden(world, reached) ?? violation(model, reached);
        if (wrong !== undefined) return verdict({ what: wrong, trace: traceTo(id, label) });
        const after = withoutSpentWorkers(reached, model);
        const key = keyOf(after, model);
        let target = known.get(key);
        if (target === undefined) {
          target = known.size;
          if (target >= most) throw new Error(`more than ${most} states: make the configuration smaller`);
          known.set(key, target);
          parents.push(id);
          labels.push(label);
          next.push([target, after]);
        }
        if (!fault && target !== id) edges.add(id, target);
      }
    }
    level = next;
  }
  const stuck = edges.unableToReach(settled, known.size);
  return verdict(
    stuck === undefined
      ? undefined
      : { what: 'from here the run never ends with everything cleaned up', trace: traceTo(stuck) },
  );
}

/** Edges in flat arrays: there are millions of them. */
function edgeList() {
  let from = new Int32Array(1 << 16);
  let to = new Int32Array(1 << 16);
  let count = 0;
  const grown = (old: Int32Array<ArrayBuffer>) => {
    const larger = new Int32Array(old.length * 2);
    larger.set(old);
    return larger;
  };
  return {
    add(source: number, target: number): void {
      if (count === from.length) {
        from = grown(from);
        to = grown(to);
      }
      from[count] = source;
      to[count] = target;
      count += 1;
    },
    /** The first node from which no edge leads, in any number of steps, to one of `goals`. */
    unableToReach(goals: readonly number[], nodes: number): number | undefined {
      const starts = new Int32Array(nodes + 2);
      for (let edge = 0; edge < count; edge += 1) starts[(to[edge] ?? 0) + 2] = (starts[(to[edge] ?? 0) + 2] ?? 0) + 1;
      for (let node = 2; node < starts.length; node += 1) starts[node] = (starts[node] ?? 0) + (starts[node - 1] ?? 0);
      const sources = new Int32Array(count);
      for (let edge = 0; edge < count; edge += 1) {
        const slot = (to[edge] ?? 0) + 1;
        sources[starts[slot] ?? 0] = from[edge] ?? 0;
        starts[slot] = (starts[slot] ?? 0) + 1;
      }
      const reaches = new Uint8Array(nodes);
      const open = [...goals];
      for (const goal of goals) reaches[goal] = 1;
      for (let node = open.pop(); node !== undefined; node = open.pop()) {
        for (let at = starts[node] ?? 0; at < (starts[node + 1] ?? 0); at += 1) {
          const source = sources[at] ?? 0;
          if (reaches[source] === 1) continue;
          reaches[source] = 1;
          open.push(source);
        }
      }
      const found = reaches.indexOf(0);
      return found === -1 ? undefined : found;
    },
  };
}
