import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { ArtifactStore } from '../../../src/core/ports/artifact-store.ts';
import type { Storage } from '../../../src/core/ports/storage.ts';
import type { EndedRun } from '../../../src/core/run-record.ts';
import { checkPromise, describeBreach } from '../../promise/check-promise.ts';
import type { Execution } from '../../promise/evidence.ts';
import type { DriverName, ScenarioName } from './crash-case.ts';
import { executionsIn, historyIn } from './evidence.ts';
import type { EngineRequest } from './faulty-engine.ts';
import { processesOf } from './processes.ts';
import { printedBy, scenarioOf, secretValue } from './scenarios.ts';

export interface Aftermath {
  driver: DriverName;
  scenario: ScenarioName;
  storage: Storage;
  artifacts: ArtifactStore;
  /** Errand's data directory, and where the harness keeps its own notes. */
  data: string;
  notes: string;
  /** Every answer that a client got: key → run. */
  answers: readonly { what: string; runId: string }[];
  /** What the engine was asked; empty without one. */
  requests: readonly EngineRequest[];
  /** Containers that still carry our labels. */
  containers: readonly string[];
}

export interface Verdicts {
  /** One line for each promise that was broken. */
  violations: string[];
  runs: number;
  /** Requests that came to no run, to several, or to one that never ended. */
  lost: number;
  startedTwice: number;
  containersLeft: number;
}

/** Holds what is left after a case against what Errand promises, from outside where that can be had: user code counts itself, the engine its requests. */
export async function checkInvariants(after: Aftermath): Promise<Verdicts> {
  const { driver, scenario, storage, artifacts, answers, data, notes, containers } = after;
  const { keys, state, exitCode, executions: expected } = scenarioOf(scenario, driver);
  const violations: string[] = [];
  const broken = (line: string): void => void violations.push(line);
  const { runs } = await storage.listRuns({}, { limit: 100 });
  const { executions, overlaps } = executionsIn(notes);
  const breaches = await checkPromise({
    storage,
    artifacts,
    acceptances: answers.map(({ what, runId }) => ({ runId, key: what })),
    executions,
    printed: ({ id }) => printedBy(scenario, id, true),
    writes: historyIn(notes),
    left: containers,
  });
  for (const breach of breaches) broken(describeBreach(breach));

  const missing = Math.abs(keys.length - runs.length);
  if (missing > 0) broken(`${keys.length} requests came to ${runs.length} runs`);
  for (const run of runs) {
    if (!('endedAt' in run)) continue;
    if (run.state !== state) broken(`run ${run.id} is ${run.state} (${run.reason}: ${run.message}), not ${state}`);
    if (exitCode !== undefined && run.exitCode !== exitCode)
      broken(`its exit code is ${run.exitCode}, not ${exitCode}`);
    const own = executions.filter(({ runId }) => runId === run.id);
    if (own.length < expected.least || own.length > expected.most)
      broken(`its executable began ${own.length} times, not ${expected.least} to ${expected.most} times`);
    for (const line of attemptProblems(after, run, own)) broken(line);
  }
  if (scenario === 'slot' && overlaps) broken('two runs were under way in one slot');

  const twice = startsAskedTwice(after.requests);
  for (const line of twice) broken(line);
  const processes = processesOf(data);
  if (processes.length > 0) broken(`processes are left: ${processes.join(', ')}`);
  for (const box of globSync('exchanges/*/*/box*', { cwd: data })) broken(`${box} is left`);
  for (const home of globSync('processes/*', { cwd: data })) broken(`${home} is left`);
  if (scenario === 'secret') for (const path of secretsIn(data)) broken(`${path} holds the secret in the clear`);
  const lost = missing + new Set(breaches.filter(({ invariant }) => invariant === 'I1').map(({ runId }) => runId)).size;
  const executedTwice = breaches.filter(({ invariant }) => invariant === 'I2').length;
  return {
    violations,
    runs: runs.length,
    lost,
    startedTwice: executedTwice + twice.length,
    containersLeft: containers.length,
  };
}

/** What only the scenario knows of an attempt. */
function attemptProblems({ driver }: Aftermath, run: EndedRun, own: readonly Execution[]): string[] {
  const problems: string[] = [];
  for (const { number, log } of run.attempts) {
    const execution = own.find(({ attempt }) => attempt === number);
    if (execution === undefined) continue;
    // A container group that is stopped is killed: nobody says that its log is complete.
    const isKilled = driver === 'azure' && run.state === 'canceled';
    if (log?.complete === false && !isKilled) problems.push(`attempt ${number}: its log is not complete`);
    if (run.state === 'succeeded' && JSON.stringify(run.output) !== JSON.stringify({ execution: execution.id }))
      problems.push(`attempt ${number}: its output is ${JSON.stringify(run.output)}`);
  }
  return problems;
}

/** A container group starts with its PUT, and each further one starts it again. */
const startsContainer = new Set(['POST /containers/{runner}/start', 'PUT /containerGroups/{runner}']);

function startsAskedTwice(requests: readonly EngineRequest[]): string[] {
  const problems: string[] = [];
  const starts = requests.filter(({ what }) => startsContainer.has(what));
  const ids = new Map(
    requests.flatMap(({ what, container, answer }) =>
      what.startsWith('POST /containers/create') ? [[container, idIn(answer)]] : [],
    ),
  );
  const perContainer = Map.groupBy(starts, ({ container = '' }) => ids.get(container) ?? container);
  for (const [id, same] of perContainer)
    if (same.length > 1) problems.push(`the engine was asked ${same.length} times to start ${id}`);
  return problems;
}

function idIn(answer: unknown): string | undefined {
  return typeof answer === 'object' && answer !== null && 'Id' in answer ? String(answer.Id) : undefined;
}

/** Files that hold the secret value, plain or in base64. */
function secretsIn(data: string): string[] {
  const forms = [secretValue, Buffer.from(secretValue).toString('base64').replace(/=+$/, '')];
  return globSync('**', { cwd: data }).filter((name) => {
    const path = join(data, name);
    if (!existsSync(path) || !statSync(path).isFile()) return false;
    const text = readFileSync(path, 'latin1');
    return forms.some((form) => text.includes(form));
  });
}
