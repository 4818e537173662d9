import { ErrandError, errorTable } from '../../../src/contract/errors.ts';
import { runRequestSchema } from '../../../src/contract/run-request.ts';
import type { RunRecord } from '../../../src/core/run-record.ts';
import { linesOf } from '../../crash/support/evidence.ts';
import { pause, until } from '../../crash/support/processes.ts';
import { checkPromise, type Breach } from '../../promise/check-promise.ts';
import type { Acceptance, Execution } from '../../promise/evidence.ts';
import { expectedOf, parametersFor, printedByTask, taskNames, wantedRuns, type TaskName } from './tasks.ts';
import type { World } from './world.ts';

export interface ScenarioReport {
  breaches: Breach[];
  runs: number;
  /** Faults by `port kind`. */
  counts: ReadonlyMap<string, number>;
  /** How often a client had to ask again. */
  repeats: number;
}

export interface ScenarioOptions {
  /** Each task is asked for so often. */
  rounds: number;
  /** How long things go wrong at most, in milliseconds. */
  faultyMs: number;
  /** How long all runs may take to come to rest, while things go wrong and after, in milliseconds. */
  patienceMs: number;
  /** How long what is left on the platform may take to go after that. */
  restMs: number;
}

/** A refusal is repeated as a client would, with the same key. */
const mostRepeats = 200;

/** Asks for every task under faults, waits until all has come to rest, and holds what is left against the promise. */
export async function runScenario(
  world: World,
  { rounds, faultyMs, patienceMs, restMs }: ScenarioOptions,
): Promise<ScenarioReport> {
  const { orchestrator, plain, injector } = world;
  const acceptances: Acceptance[] = [];
  const wanted = wantedRuns(rounds);
  const tasks = new Map<string, TaskName>();
  const problems: Breach[] = [];
  let repeats = 0;

  async function again<T>(send: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await send();
      } catch (error) {
        const isRetryable = error instanceof ErrandError && errorTable[error.code].retryable;
        if (!isRetryable || tries > mostRepeats) throw error;
        repeats += 1;
        await pause(Math.min(50 * tries, 500));
      }
    }
  }

  async function ask({ task, key }: (typeof wanted)[number]): Promise<void> {
    const request = runRequestSchema.parse({ taskName: task, parameters: parametersFor(task, world.tally) });
    const accept = async () =>
      (await again(() => orchestrator.accept(request, { principal: 'tester', idempotencyKey: key }))).run.id;
    const runId = await accept();
    acceptances.push({ runId, key });
    tasks.set(runId, task);
    // A client that never got its answer asks once more.
    acceptances.push({ runId: await accept(), key });
    if (task !== 'cancelRunning') return;
    await until(patienceMs, async () => isUnderWay(await again(() => plain.storage.getRun(runId))));
    // It is looked at while it runs, too.
    await pause(1_000);
    await again(() => orchestrator.cancel(runId, 'tester'));
  }

  /** Pushes and removes a task, for the sake of what the store is asked then. */
  async function author(): Promise<void> {
    const { definitions } = orchestrator;
    for (let round = 0; round < rounds; round += 1) {
      const name = `extra-${round}`;
      const document = { taskName: name, dockerImage: 'demo', scriptName: `${name}.sh` };
      await again(() => definitions.store(name, document, Buffer.from('#!/bin/sh\n'), {}));
      await again(() => definitions.list());
      await again(() => definitions.remove(name, {})).catch((error: unknown) => {
        // An earlier try had removed it, and was reported failed.
        if (!(error instanceof ErrandError && error.code === 'taskNotFound')) throw error;
      });
    }
  }

  injector.start();
  const healing = setTimeout(injector.stop, faultyMs);
  const asked = await Promise.allSettled([...wanted.map(ask), author()]);
  for (const outcome of asked)
    if (outcome.status === 'rejected')
      problems.push({ invariant: 'I1', what: `a client was refused for good: ${String(outcome.reason)}` });
  await until(patienceMs, async () => {
    const { runs } = await again(() => plain.storage.listRuns({}, { limit: 200 }));
    return runs.length >= wanted.length && runs.every(({ open }) => !open);
  });
  clearTimeout(healing);
  injector.stop();
  // What a late answer or a failed call left behind is the sweep's, after its grace.
  await until(restMs, () => again(() => isTidy(world)));

  const { executions, overlaps } = executionsIn(world.notes, tasks);
  const { runs } = await plain.storage.listRuns({}, { limit: 200 });
  if (runs.length !== wanted.length)
    problems.push({ invariant: 'I9', what: `${wanted.length} keys came to ${runs.length} runs` });
  if (overlaps) problems.push({ invariant: 'tidy', what: 'two runs were under way in one slot' });
  for (const run of runs) problems.push(...endBreaches(run, executions, world));
  const kept = await checkPromise({
    storage: plain.storage,
    artifacts: plain.artifacts,
    acceptances,
    executions,
    printed: (execution) => {
      const task = tasks.get(execution.runId);
      return task === undefined ? undefined : printedByTask(task, execution);
    },
    ...(world.writes === undefined ? {} : { writes: world.writes }),
    left: await world.left(),
  });
  return { breaches: [...problems, ...kept], runs: runs.length, counts: injector.counts, repeats };
}

async function isTidy({ plain: { storage }, left }: World): Promise<boolean> {
  const [open, slots] = await Promise.all([
    storage.openRuns({ limit: 1 }),
    storage.slotEntries({ before: '~', limit: 1 }),
  ]);
  return open.length === 0 && slots.length === 0 && (await left()).length === 0;
}

function isUnderWay(run: RunRecord | undefined): boolean {
  return run !== undefined && run.state !== 'queued' && run.state !== 'starting';
}

/** Whether it came to the end that its task comes to when nothing goes wrong: no fault may change that. */
function endBreaches(run: RunRecord, executions: readonly Execution[], { driver }: World): Breach[] {
  const task = taskNames.find((name) => name === run.taskName);
  if (task === undefined || !('endedAt' in run)) return [];
  const expected = expectedOf(task, driver);
  const breaches: Breach[] = [];
  const broken = (what: string): void => void breaches.push({ invariant: 'I4', runId: run.id, what });
  if (run.state !== expected.state) broken(`it is ${run.state} (${run.reason}: ${run.message}), not ${expected.state}`);
  if (expected.exitCode !== undefined && run.exitCode !== expected.exitCode)
    broken(`its exit code is ${run.exitCode}, not ${expected.exitCode}`);
  const count = executions.filter(({ runId }) => runId === run.id).length;
  if (count < expected.executions.least || count > expected.executions.most)
    broken(
      `its executable began ${count} times, not ${expected.executions.least} to ${expected.executions.most} times`,
    );
  return breaches;
}

/** What the tasks wrote about themselves. `overlaps`: two runs of the task with a slot of one place were under way at once. */
function executionsIn(
  notes: string,
  tasks: ReadonlyMap<string, TaskName>,
): { executions: Execution[]; overlaps: boolean } {
  const executions: Execution[] = [];
  let overlaps = false;
  for (const line of linesOf(notes)) {
    const [what, runId = '', attempt, id = ''] = line.split(' ');
    const begun = executions.find((execution) => execution.id === id);
    if (what === 'begin') {
      const isSlot = tasks.get(runId) === 'slot';
      overlaps ||= isSlot && executions.some((each) => !each.ended && tasks.get(each.runId) === 'slot');
      executions.push({ runId, attempt: Number(attempt), id, ended: false });
    } else if (begun !== undefined) begun.ended = true;
  }
  return { executions, overlaps };
}
