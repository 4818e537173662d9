import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { isTerminal } from '../../src/contract/run.ts';
import type { ArtifactStore, AttemptRef } from '../../src/core/ports/artifact-store.ts';
import type { AttemptRecord, EndedRun, RunRecord } from '../../src/core/run-record.ts';
import { allRuns } from './all-runs.ts';
import type { Evidence, Execution, Write } from './evidence.ts';

/** What Errand promises, by the numbers of docs/reliability.md. `tidy`: nothing is kept that is of no use any more. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10' | 'tidy';

export interface Breach {
  invariant: Invariant;
  runId?: string;
  what: string;
}

/** Longer than any wake-up of these tests is ahead. */
const overdueMs = 30_000;
const overduePauseMs = 500;

/**
 * Holds what is left, once all has come to rest, against the promise. Empty where it was kept. `patienceMs` is how long an index may say that an ended run
 * is open.
 */
export async function checkPromise(evidence: Evidence, { patienceMs = overdueMs } = {}): Promise<Breach[]> {
  const runs = await allRuns(evidence.storage);
  const executions = Map.groupBy(evidence.executions ?? [], ({ runId }) => runId);
  const breaches: Breach[] = [...acceptanceBreaches(evidence, runs), ...writeBreaches(evidence.writes ?? [])];
  for (const run of runs) {
    const broken = (invariant: Invariant, what: string): void => {
      breaches.push({ invariant, runId: run.id, what });
    };
    if (!('endedAt' in run)) {
      broken('I1', `it never ended: it is ${run.state}`);
      continue;
    }
    if (run.open) broken('I1', `it is ${run.state}, and was never finished: ${JSON.stringify(run)}`);
    if (run.secrets !== undefined) broken('tidy', 'its sealed secrets were not erased');
    for (const attempt of run.attempts) {
      if (!attempt.containerGone)
        broken('I8', `attempt ${attempt.number}: nobody has seen to it that its container is gone`);
    }
    for (const [invariant, what] of webhookBreaches(run, evidence)) broken(invariant, what);
    if (evidence.executions === undefined) continue;
    const own = executions.get(run.id) ?? [];
    for (const [invariant, what] of executionBreaches(run, own, evidence)) broken(invariant, what);
    for (const attempt of run.attempts)
      for (const [invariant, what] of await logBreaches(evidence, run, attempt, own)) broken(invariant, what);
  }
  for (const runId of executions.keys())
    if (!runs.some(({ id }) => id === runId))
      breaches.push({ invariant: 'I1', runId, what: 'it ran, and has no record' });
  for (const name of evidence.left) breaches.push({ invariant: 'I8', what: `${name} is left` });
  return [...breaches, ...(await storageBreaches(evidence, patienceMs))];
}

/** One line for each, to be read by people. */
export function describeBreach({ invariant, runId, what }: Breach): string {
  return `${invariant}${runId === undefined ? '' : ` ${runId}`}: ${what}`;
}

function acceptanceBreaches({ acceptances }: Evidence, runs: readonly RunRecord[]): Breach[] {
  const breaches: Breach[] = [];
  const known = new Set(runs.map(({ id }) => id));
  for (const { runId } of acceptances)
    if (!known.has(runId)) breaches.push({ invariant: 'I1', runId, what: 'it was accepted, and has no record' });
  for (const [key, same] of Map.groupBy(acceptances, (acceptance) => acceptance.key)) {
    const ids = new Set(same.map(({ runId }) => runId));
    if (key !== undefined && ids.size > 1)
      breaches.push({
        invariant: 'I9',
        what: `the key ${key} was answered with ${ids.size} runs: ${[...ids].join(', ')}`,
      });
  }
  return breaches;
}

/** Compare-and-swap lets one write of each version through, and what has ended stays as it ended. */
function writeBreaches(writes: readonly Write[]): Breach[] {
  const breaches: Breach[] = [];
  for (const [runId, own] of Map.groupBy(writes, ({ id }) => id)) {
    for (const [version, same] of Map.groupBy(own, (write) => write.version))
      if (same.length > 1)
        breaches.push({
          invariant: 'I3',
          runId,
          what: `${same.length} writers wrote version ${version} of its record`,
        });
    const inOrder = own.toSorted((a, b) => a.version - b.version);
    const end = inOrder.findIndex(({ state }) => isTerminal(state));
    const later = inOrder.slice(end + 1).find(({ state }) => end >= 0 && state !== inOrder[end]?.state);
    // A person may say what became of a run that was lost.
    if (later !== undefined && inOrder[end]?.state !== 'lost')
      breaches.push({ invariant: 'I3', runId, what: `it was ${inOrder[end]?.state} and became ${later.state}` });
  }
  return breaches;
}

function executionBreaches(run: EndedRun, own: readonly Execution[], evidence: Evidence): [Invariant, string][] {
  const breaches: [Invariant, string][] = [];
  for (const [attempt, same] of Map.groupBy(own, (execution) => execution.attempt)) {
    if (same.length > 1) breaches.push(['I2', `attempt ${attempt} was executed ${same.length} times`]);
    const record = run.attempts.find(({ number }) => number === attempt);
    if (record?.fencedAt === undefined)
      breaches.push(['I4', `attempt ${attempt} was executed, and the record says that nothing was started`]);
    else if (record.log === undefined)
      breaches.push(['I7', `attempt ${attempt} was executed, and its container removed before its log was kept`]);
  }
  const most = run.definition.retry.maxAttempts;
  const begun = new Set(own.map(({ attempt }) => attempt)).size;
  if (begun > most) breaches.push(['I2', `it was executed under ${begun} attempts, and its task allows ${most}`]);
  const last = own.find(({ attempt }) => attempt === run.attempts.at(-1)?.number);
  if (run.state === 'succeeded' && last?.ended !== true)
    breaches.push(['I4', 'it succeeded without an execution that came to its end']);
  if (last?.exitCode !== undefined && run.exitCode !== undefined && last.exitCode !== run.exitCode)
    breaches.push(['I4', `its exit code is recorded as ${run.exitCode}, and was ${last.exitCode}`]);
  if (evidence.canceledBeforeStart?.includes(run.id) === true && own.length > 0)
    breaches.push(['I5', 'it was started after its cancel had been answered']);
  return breaches;
}

/** At least once for each, under one id, and signed. */
function webhookBreaches(run: EndedRun, { told }: Evidence): [Invariant, string][] {
  const breaches: [Invariant, string][] = [];
  for (const { number, state, sealed } of run.webhooks ?? []) {
    if (state === 'waiting' || state === 'pending') breaches.push(['I10', `its webhook ${number} is still ${state}`]);
    if (sealed !== undefined && (state === 'delivered' || state === 'unwanted'))
      breaches.push(['tidy', `the address of its webhook ${number}, which is ${state}, was not erased`]);
    if (told === undefined) continue;
    const messages = told.filter((message) => message.runId === run.id && message.number === number);
    const ids = new Set(messages.map(({ id }) => id));
    if (state === 'delivered' && messages.length === 0)
      breaches.push(['I10', `its webhook ${number} is recorded as delivered, and nobody received it`]);
    if (state === 'unwanted' && messages.length > 0)
      breaches.push(['I10', `its webhook ${number} is not for this end, and was received`]);
    if (ids.size > 1)
      breaches.push(['I10', `its webhook ${number} was received under ${ids.size} ids: ${[...ids].join(', ')}`]);
    if (messages.some(({ isGenuine }) => !isGenuine))
      breaches.push(['I10', `its webhook ${number} was received with a signature that is not that of its secret`]);
  }
  const known = new Set((run.webhooks ?? []).map(({ number }) => number));
  for (const { number } of told?.filter(({ runId }) => runId === run.id) ?? [])
    if (!known.has(number)) breaches.push(['I10', `a webhook ${number} was received that it does not have`]);
  return breaches;
}

/** The stored log against what is recorded of it, and against what was printed. */
async function logBreaches(
  { artifacts, printed }: Evidence,
  run: EndedRun,
  { number, log }: AttemptRecord,
  own: readonly Execution[],
): Promise<[Invariant, string][]> {
  if (log === undefined) return [];
  const execution = own.find(({ attempt }) => attempt === number);
  const expected = execution === undefined ? undefined : printed?.(execution);
  const stored = await readLog(artifacts, { runId: run.id, attempt: number }, (expected?.length ?? 0) + 4096);
  const breaches: [Invariant, string][] = [];
  const { bytes, lines, sha256 } = stored;
  if (bytes !== log.bytes || sha256 !== log.sha256)
    breaches.push([
      'I6',
      `attempt ${number}: the log has ${bytes} bytes (${sha256}), the record says ${log.bytes} (${log.sha256})`,
    ]);
  if (lines !== log.lines)
    breaches.push(['I6', `attempt ${number}: the log has ${lines} lines, the record says ${log.lines}`]);
  if (expected === undefined || log.truncated || !log.complete) return breaches;
  // Who was stopped may not have come to print all of its lines.
  const isWhole = execution?.ended === true ? stored.head === expected : expected.startsWith(stored.head);
  if (!isWhole)
    breaches.push([
      'I6',
      `attempt ${number}: ${expected.length} characters were printed, the log says that it is complete, and has ${JSON.stringify(stored.head.slice(0, 200))}`,
    ]);
  return breaches;
}

/** Reads all of it, whatever its size; `head` is the text of the first `keep` bytes. */
async function readLog(
  artifacts: Evidence['artifacts'],
  attempt: AttemptRef,
  keep: number,
): Promise<{ bytes: number; lines: number; sha256: string; head: string }> {
  const exchange: ReturnType<ArtifactStore['exchange']> = artifacts.exchange(attempt);
  const hash = createHash('sha256');
  const kept: Uint8Array[] = [];
  let offset = 0;
  let lines = 0;
  let lastByte = 0x0a;
  for (;;) {
    const slice = await exchange.readLog({ offset, length: 1 << 20 });
    if (slice === undefined || slice.bytes.length === 0) break;
    hash.update(slice.bytes);
    for (const byte of slice.bytes) if (byte === 0x0a) lines += 1;
    if (offset < keep) kept.push(slice.bytes.subarray(0, keep - offset));
    lastByte = slice.bytes.at(-1) ?? lastByte;
    offset += slice.bytes.length;
  }
  // A last line without its end is one, too.
  if (lastByte !== 0x0a) lines += 1;
  return { bytes: offset, lines, sha256: hash.digest('hex'), head: Buffer.concat(kept).toString() };
}

async function storageBreaches({ storage }: Evidence, patienceMs: number): Promise<Breach[]> {
  const slots = await storage.slotEntries({ before: '~', limit: 100 });
  let open = await storage.openRuns({ limit: 100 });
  // An index may say too much where its writer was killed; it is put right by whoever finds an entry overdue.
  for (let waitedMs = 0; waitedMs < patienceMs && open.length > 0; waitedMs += overduePauseMs) {
    await pause(overduePauseMs);
    open = await storage.openRuns({ limit: 100 });
  }
  return [
    ...slots.map(({ key, holder }): Breach => ({ invariant: 'tidy', what: `${holder} still has the slot ${key}` })),
    ...open.map(({ id }): Breach => ({ invariant: 'I1', runId: id, what: 'it is still listed as open' })),
  ];
}
