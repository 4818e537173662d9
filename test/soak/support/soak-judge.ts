import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ArtifactStore } from '../../../src/core/ports/artifact-store.ts';
import type { RunRecord } from '../../../src/core/run-record.ts';
import { allRuns } from '../../promise/all-runs.ts';
import { checkPromise, describeBreach } from '../../promise/check-promise.ts';
import type { Execution, Write } from '../../promise/evidence.ts';
import { signature } from '../../support/signature.ts';
import { holdsSecret } from './secret-forms.ts';
import type { Heard } from './soak-clients.ts';
import type { AtRest, SoakPlace } from './soak-place.ts';
import type { SoakPlan, SoakTask } from './soak-plan.ts';
import { noteFiles, type PlaceName } from './soak-setting.ts';
import { executionsIn } from './tally.ts';
import { bytesPrinted, capMark, expectedEnd, heldMark, printedBy } from './task-kinds.ts';

export interface Verdict {
  /** A line for each broken promise, and for each end that was not as it had to be. */
  breaches: string[];
  runs: number;
  executions: number;
  canceled: number;
  lost: number;
  startedTwice: number;
  containersLeft: number;
  logBytes: number;
  droppedBytes: number;
}

/** Holds all that is left against the promise, and each run against what its task was to do. */
export async function judge(place: SoakPlace, plan: SoakPlan, heard: Heard): Promise<Verdict> {
  const { setting } = place;
  const executions = executionsIn(place.executions);
  const { storage, artifacts, close } = await place.open();
  try {
    const runs = await allRuns(storage);
    const byKey = new Map(heard.acceptances.map(({ key, runId }) => [key, runId]));
    const tasks = new Map(plan.tasks.map((task) => [byKey.get(task.key), task]));
    const left = await place.left();
    const broken = await checkPromise({
      storage,
      artifacts,
      acceptances: heard.acceptances,
      canceledBeforeStart: heard.canceledBeforeStart,
      executions,
      printed: ({ runId, id }) => {
        const task = tasks.get(runId);
        return task === undefined ? undefined : printedBy(task.kind, task.number, id);
      },
      writes: writesIn(join(setting.notes, noteFiles.history)),
      left,
    });
    const breaches = [...heard.problems, ...broken.map(describeBreach)];

    const unheard = plan.tasks.filter(({ key }) => !byKey.has(key));
    for (const { key } of unheard) breaches.push(`the request ${key} was never answered`);
    if (runs.length !== byKey.size)
      breaches.push(`${byKey.size} requests were accepted, and there are ${runs.length} runs`);
    for (const run of runs) {
      const task = tasks.get(run.id);
      const own = executions.filter(({ runId }) => runId === run.id);
      if (task === undefined) breaches.push(`nobody knows of run ${run.id}`);
      else
        for (const what of await problemsOf(run, task, own, artifacts, place))
          breaches.push(`${run.id} (${task.kind}${task.cancelAfterMs === undefined ? '' : ', canceled'}): ${what}`);
    }
    for await (const found of place.atRest()) breaches.push(...atRestProblems(found, setting.place));

    const attempts = runs.flatMap((run) => run.attempts);
    const perAttempt = Map.groupBy(executions, ({ runId, attempt }) => `${runId} ${attempt}`);
    const sum = (of: (attempt: (typeof attempts)[number]) => number): number =>
      attempts.reduce((total, attempt) => total + of(attempt), 0);
    return {
      breaches,
      runs: runs.length,
      executions: executions.length,
      canceled: runs.filter(({ state }) => state === 'canceled').length,
      lost: unheard.length + runs.filter((run) => run.open || run.state === 'lost' || !('endedAt' in run)).length,
      startedTwice: [...perAttempt.values()].filter((same) => same.length > 1).length,
      containersLeft: left.length,
      logBytes: sum(({ log }) => log?.bytes ?? 0),
      droppedBytes: sum(({ log }) => log?.droppedBytes ?? 0),
    };
  } finally {
    await close();
  }
}

/** What an exchange in Blob storage still holds when all is done: marks, the log, and files that a task left. */
const mayStay = /\/(?:opened|discarded|fence|collected\.json|seizure-[0-9a-f]+|log|files\/\d+)$/;

function atRestProblems({ place, text }: AtRest, name: PlaceName): string[] {
  const problems: string[] = [];
  if (holdsSecret(text)) problems.push(`${place} holds a secret`);
  if (name === 'instant' && signature.test(text)) problems.push(`${place} holds a signed address`);
  if (/^blob [^/]+\/exchanges\//.test(place) && !mayStay.test(place)) problems.push(`${place} is left`);
  if (/\/exchanges\/[^/]+\/\d+\/box|\/(?:exchanges|runs)\/.*\/\.unfinished-/.test(place))
    problems.push(`${place} is left`);
  if (place.startsWith('queue ') && place.endsWith('-poison')) problems.push(`poison: ${text}`);
  return problems;
}

/** What is true of this kind of task, and not of every run. */
async function problemsOf(
  run: RunRecord,
  task: SoakTask,
  own: readonly Execution[],
  artifacts: ArtifactStore,
  { setting }: SoakPlace,
): Promise<string[]> {
  if (!('endedAt' in run)) return [];
  const problems: string[] = [];
  const expected = expectedEnd(task.kind, task.number, setting.place);
  const isCanceled = task.cancelAfterMs !== undefined && run.state === 'canceled';
  if (!isCanceled) {
    if (run.state !== expected.state || (expected.reason !== undefined && run.reason !== expected.reason))
      problems.push(`it is ${run.state} (${run.reason}: ${run.message}), not ${expected.state}`);
    if (expected.exitCode !== undefined && run.exitCode !== expected.exitCode)
      problems.push(`its exit code is ${run.exitCode}, not ${expected.exitCode}`);
    if (own.length !== expected.executions)
      problems.push(`it was executed ${own.length} times, not ${expected.executions} times`);
  }
  if (own.length > expected.executions)
    problems.push(`it was executed ${own.length} times, and may be ${expected.executions} times`);

  const last = run.attempts.at(-1)?.number;
  for (const attempt of run.attempts) {
    const execution = own.find(({ attempt: number }) => number === attempt.number);
    // Who is canceled may be ended between the fence and its own first line.
    const mayBeNone = isCanceled && attempt.number === last;
    if (attempt.fencedAt !== undefined && execution === undefined && !mayBeNone)
      problems.push(`attempt ${attempt.number} took the fence, and nothing was executed`);
    if (execution === undefined || isCanceled || attempt.log === undefined) continue;
    const { log } = attempt;
    const text = await endOfLog(artifacts, { runId: run.id, attempt: attempt.number }, log.bytes);
    if (log.complete !== (expected.log !== 'held') || log.truncated !== (expected.log === 'capped'))
      problems.push(`what is said of its log is ${JSON.stringify(log)}, and it was ${expected.log}`);
    if (expected.log === 'held' && !text.endsWith(heldMark))
      problems.push('its log does not say that it was held open');
    if (expected.log !== 'capped') {
      if (log.droppedBytes !== 0) problems.push(`${log.droppedBytes} bytes of its log are said to be dropped`);
      continue;
    }
    const counted = log.bytes - capMark.length + log.droppedBytes;
    const printed = bytesPrinted(task.number, execution.id);
    if (!text.endsWith(capMark)) problems.push(`its log does not say that it was cut: ${JSON.stringify(text)}`);
    // The mark stands on a line of its own.
    if (counted !== printed && counted !== printed + 1)
      problems.push(
        `${log.bytes} bytes of its log and ${log.droppedBytes} dropped ones are not the ${printed} that it printed`,
      );
  }
  return problems;
}

async function endOfLog(
  artifacts: ArtifactStore,
  attempt: { runId: string; attempt: number },
  bytes: number,
): Promise<string> {
  const length = Math.min(bytes, 200);
  const slice = await artifacts.exchange(attempt).readLog({ offset: bytes - length, length });
  return Buffer.from(slice?.bytes ?? []).toString();
}

function writesIn(path: string): Write[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Write);
}
