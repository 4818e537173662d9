import type { TaskDefinition, TaskDefinitionDocument } from '../../../src/contract/task-definition.ts';
import { taskDefinitionSchema } from '../../../src/contract/task-definition.ts';
import { instant } from '../../../src/core/clock.ts';
import { defaultPolicy, type Policy } from '../../../src/core/policy.ts';
import type { Collected, Fence, FenceReason, OrchestratorFence } from '../../../src/core/ports/artifact-store.ts';
import type {
  AttemptRecord,
  EndedRun,
  QueuedRun,
  RunRecord,
  RunningRun,
  StartingRun,
} from '../../../src/core/run-record.ts';
import type { RunnerResult } from '../../../src/core/runner-result.ts';

/** When every record of these tests was accepted, in milliseconds since the epoch. */
export const t0 = 1_800_000_000_000;

export const policy: Policy = { ...defaultPolicy };

/** The document of the published design, as it stands. */
export const originalDocument = {
  taskName: 'StopVM',
  dockerImage: 'mcr.microsoft.com/azure-cli:latest',
  scriptName: 'stop-vm-azure.sh',
  scriptParameters: [
    { parameterName: 'VMName', parameterType: 'string', required: true },
    { parameterName: 'ResourceGroup', parameterType: 'string', required: true },
  ],
} as const;

export function definitionOf(changes: Partial<TaskDefinitionDocument> = {}): TaskDefinition {
  return taskDefinitionSchema.parse({ taskName: 'Demo', dockerImage: 'demo:local', scriptName: 'demo.sh', ...changes });
}

const base = {
  id: '01m4rk0000000000000000000a',
  version: 1,
  operationId: 'operation-1',
  taskName: 'Demo',
  requestedBy: 'ann',
  createdAt: instant(t0),
  parameters: [],
  labels: {},
  executable: { name: 'demo.sh', sha256: 'a'.repeat(64), etag: 'etag', bytes: 10 },
  secrets: { keyId: 'key', iv: 'iv', tag: 'tag', data: 'data' },
  attempts: [],
  slots: [],
  slotTerm: 1,
  wakeId: 'wake-1',
  wakeAt: instant(t0 + 15_000),
  open: true,
} as const;

export function queued(changes: Partial<QueuedRun> = {}): QueuedRun {
  return { ...base, definition: definitionOf(), state: 'queued', ...changes };
}

/** With a first attempt that was opened at `t0`, and nothing created yet. */
export function starting(changes: Partial<StartingRun> = {}): StartingRun {
  return { ...base, definition: definitionOf(), state: 'starting', attempts: [attempt()], ...changes };
}

/** With a first attempt that took its fence a second after `t0`. */
export function running(changes: Partial<RunningRun> = {}): RunningRun {
  const attempts = [attempt({ createdAt: instant(t0 + 500), fencedAt: instant(t0 + 1000) })];
  return {
    ...base,
    definition: definitionOf(),
    state: 'running',
    startedAt: instant(t0 + 1000),
    attempts,
    ...changes,
  };
}

export function ended(changes: Partial<EndedRun> = {}): EndedRun {
  const { secrets: _, ...kept } = base;
  return {
    ...kept,
    definition: definitionOf(),
    state: 'succeeded',
    endedAt: instant(t0 + 2000),
    reason: 'completed',
    message: 'exit code 0',
    files: [],
    attempts: [attempt({ fencedAt: instant(t0 + 1000), endedAt: instant(t0 + 2000), exitCode: 0 })],
    ...changes,
  };
}

export function attempt(changes: Partial<AttemptRecord> = {}): AttemptRecord {
  const number = changes.number ?? 1;
  return {
    number,
    containerName: `errand-${base.id}-${number}`,
    platform: 'scripted',
    openedAt: instant(t0),
    lease: { by: 'one', until: instant(t0 + policy.leaseMs) },
    counted: true,
    containerGone: false,
    ...changes,
  };
}

export function result(changes: Partial<RunnerResult> = {}): RunnerResult {
  return {
    version: 1,
    nonce: 'nonce',
    started: true,
    exitCode: 0,
    signal: null,
    timedOut: false,
    stopped: false,
    oomKilled: false,
    times: { booted: instant(t0), ended: instant(t0 + 2000) },
    durationMs: {},
    log: { bytes: 3, lines: 1, droppedBytes: 0, complete: true },
    output: false,
    files: [],
    skippedFiles: 0,
    ...changes,
  };
}

export const collected: Collected = {
  log: { bytes: 3, lines: 1, sha256: 'b'.repeat(64), truncated: false, droppedBytes: 0, complete: true },
  files: [],
};

export function ourFence(why: FenceReason, message = 'because'): OrchestratorFence {
  return { by: 'orchestrator', why, message, at: instant(t0 + 100) };
}

export const runnersFence: Fence = { by: 'runner', nonce: 'nonce', at: instant(t0 + 1000) };

/** One record of each state. */
export function oneOfEach(): RunRecord[] {
  const terminal = ['succeeded', 'failed', 'timedOut', 'canceled', 'expired', 'lost'] as const;
  return [queued(), starting(), running(), ...terminal.map((state) => ended({ state }))];
}
