import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { ArtifactStore } from '../../../src/core/ports/artifact-store.ts';
import type { Storage } from '../../../src/core/ports/storage.ts';
import type { EndedRun, RunRecord } from '../../../src/core/run-record.ts';
import type { DriverName, ScenarioName } from './crash-case.ts';
import { executionsIn, historyIn, type Execution } from './evidence.ts';
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
  const { driver, scenario, storage, data, notes, containers } = after;
  const { keys, state, exitCode, executions: expected } = scenarioOf(scenario, driver);
  const violations: string[] = [];
  const broken = (line: string): void => void violations.push(line);
  const { runs } = await storage.listRuns({}, { limit: 100 });
  const { executions, overlaps } = executionsIn(notes);

  let lost = Math.abs(keys.length - runs.length);
  if (lost > 0) broken(`${keys.length} requests came to ${runs.length} runs`);
  for (const { what, runId } of after.answers) {
    if (!runs.some(({ id }) => id === runId)) broken(`the answer to ${what} named ${runId}, which is not there`);
  }
  const byKey = Map.groupBy(after.answers, ({ what }) => what);
  for (const [what, same] of byKey) {
    if (new Set(same.map(({ runId }) => runId)).size > 1) broken(`the key ${what} was answered with several runs`);
  }

  for (const run of runs) {
    if (run.open || !('endedAt' in run)) {
      lost += 1;
      broken(`run ${run.id} never ended: ${JSON.stringify(run)}`);
      continue;
    }
    if (run.state !== state) broken(`run ${run.id} is ${run.state} (${run.reason}: ${run.message}), not ${state}`);
    if (exitCode !== undefined && run.exitCode !== exitCode)
      broken(`its exit code is ${run.exitCode}, not ${exitCode}`);
    const own = executions.filter(({ runId }) => runId === run.id);
    if (own.length < expected.least || own.length > expected.most)
      broken(`its executable began ${own.length} times, not ${expected.least} to ${expected.most} times`);
    if (run.state === 'succeeded' && own.filter(({ ended }) => ended).length !== 1)
      broken('it succeeded without one whole execution');
    for (const line of await attemptProblems(after, run, own)) broken(line);
    if (run.secrets !== undefined) broken('its sealed secrets were not erased');
  }
  for (const { runId } of executions)
    if (!runs.some(({ id }) => id === runId)) broken(`${runId} was executed and is not there`);
  if (scenario === 'slot' && overlaps) broken('two runs were under way in one slot');

  const twice = startedTwice(executions, after.requests);
  for (const line of [...twice, ...historyProblems(notes)]) broken(line);
  for (const name of containers) broken(`the container ${name} is left`);
  const processes = processesOf(data);
  if (processes.length > 0) broken(`processes are left: ${processes.join(', ')}`);
  for (const box of globSync('exchanges/*/*/box*', { cwd: data })) broken(`${box} is left`);
  for (const home of globSync('processes/*', { cwd: data })) broken(`${home} is left`);
  const slots = await storage.slotEntries({ before: '~', limit: 100 });
  if (slots.length > 0) broken(`slots are held: ${JSON.stringify(slots)}`);
  const open = await storage.openRuns({ limit: 100 });
  if (open.length > 0) broken(`runs are open: ${JSON.stringify(open)}`);
  if (scenario === 'secret') for (const path of secretsIn(data)) broken(`${path} holds the secret in the clear`);
  return { violations, runs: runs.length, lost, startedTwice: twice.length, containersLeft: containers.length };
}

/** Every attempt against its own executions, and its log to the byte. */
async function attemptProblems(
  { driver, scenario, artifacts }: Aftermath,
  run: EndedRun,
  own: readonly Execution[],
): Promise<string[]> {
  const problems: string[] = [];
  for (const attempt of run.attempts) {
    const at = `attempt ${attempt.number}`;
    const begun = own.filter((execution) => execution.attempt === attempt.number);
    if (!attempt.containerGone) problems.push(`${at}: nobody has seen to it that its container is gone`);
    if (attempt.fencedAt === undefined && begun.length > 0)
      problems.push(`${at}: executed, though the record says it never started`);
    const [execution] = begun;
    if (execution === undefined || attempt.log === undefined) {
      if (execution !== undefined) problems.push(`${at}: executed, and its log was not kept`);
      continue;
    }
    const { bytes } =
      (await artifacts.exchange({ runId: run.id, attempt: attempt.number }).readLog({ offset: 0, length: 1 << 20 })) ??
      {};
    const expected = printedBy(scenario, execution.id, execution.ended);
    const kept = Buffer.from(bytes ?? []).toString();
    if (kept !== expected && !isCutShort(run, kept, expected))
      problems.push(
        `${at}: its log has ${kept.length} bytes, not the ${expected.length} that were printed: ${JSON.stringify(kept.slice(0, 200))}`,
      );
    const sha256 = createHash('sha256').update(kept).digest('hex');
    if (attempt.log.sha256 !== sha256 || attempt.log.bytes !== kept.length)
      problems.push(`${at}: the record has another log's size or SHA-256`);
    // A container group that is stopped is killed: nobody says that its log is complete.
    const isKilled = driver === 'azure' && run.state === 'canceled';
    if (!attempt.log.complete && !isKilled) problems.push(`${at}: its log is not complete`);
    if (run.state === 'succeeded' && JSON.stringify(run.output) !== JSON.stringify({ execution: execution.id }))
      problems.push(`${at}: its output is ${JSON.stringify(run.output)}`);
  }
  return problems;
}

/** A task that was stopped may have been so before it had printed all of its lines. */
function isCutShort({ state }: RunRecord, kept: string, expected: string): boolean {
  return state === 'canceled' && expected.startsWith(kept);
}

/** A container group starts with its PUT, and each further one starts it again. */
const startsContainer = new Set(['POST /containers/{runner}/start', 'PUT /containerGroups/{runner}']);

function startedTwice(executions: readonly Execution[], requests: readonly EngineRequest[]): string[] {
  const problems: string[] = [];
  const perAttempt = Map.groupBy(executions, ({ runId, attempt }) => `attempt ${attempt} of ${runId}`);
  for (const [name, same] of perAttempt)
    if (same.length > 1) problems.push(`${name} was executed ${same.length} times`);
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

/** Compare-and-swap lets one write of each version through, and what has ended stays as it ended. */
function historyProblems(notes: string): string[] {
  const problems: string[] = [];
  const ended = new Set(['succeeded', 'failed', 'timedOut', 'canceled', 'expired', 'lost']);
  for (const [id, writes] of Map.groupBy(historyIn(notes), (write) => write.id)) {
    const versions = writes.map(({ version }) => version);
    const twice = versions.filter((version, at) => versions.indexOf(version) !== at);
    if (twice.length > 0) problems.push(`record ${id}: two writers wrote version ${[...new Set(twice)].join(', ')}`);
    const inOrder = writes.toSorted((a, b) => a.version - b.version);
    const end = inOrder.find(({ state }) => ended.has(state));
    const later = inOrder.find(
      ({ state, version }) => end !== undefined && version > end.version && state !== end.state,
    );
    if (later !== undefined) problems.push(`record ${id}: ${end?.state} became ${later.state}`);
  }
  return problems;
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
