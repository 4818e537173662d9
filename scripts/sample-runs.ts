import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { ulid } from 'ulid';

import type { EndReason, TerminalState } from '../src/contract/run-states.ts';
import { taskDefinitionSchema } from '../src/contract/task-definition.ts';
import { instant } from '../src/core/clock.ts';
import type { EndedRun } from '../src/core/run-record.ts';

/** What the sample runs are of. */
const sampleTasks = [
  {
    taskName: 'StopVM',
    image: 'mcr.microsoft.com/azure-cli:latest',
    script: 'stop-vm-azure.sh',
    failing: 0.02,
    ms: 21_000,
  },
  { taskName: 'NightlyReport', image: 'python:3.13-slim', script: 'nightly-report.py', failing: 0.04, ms: 260_000 },
  {
    taskName: 'ResizeDisk',
    image: 'mcr.microsoft.com/azure-cli:latest',
    script: 'resize-disk.sh',
    failing: 0.12,
    ms: 48_000,
  },
  { taskName: 'RotateKeys', image: 'alpine:3.22', script: 'rotate-keys.sh', failing: 0.01, ms: 9_000 },
] as const;

const regions = ['westeurope', 'northeurope', 'swedencentral'];
const prices = { asOf: '2026-09-01', source: 'list prices' };

interface SampleOptions {
  count: number;
  /** Milliseconds since the epoch: of the newest one. */
  now: number;
  /** Over how long they are spread, in milliseconds. */
  spanMs: number;
}

/** Runs that have ended, oldest first, the same for the same options but for their ids. For pictures and measurements: none of them ever ran. */
export function* sampleRuns({ count, now, spanMs }: SampleOptions): Generator<EndedRun> {
  const random = sequence();
  for (let index = 0; index < count; index += 1) {
    const at = Math.round(now - spanMs + ((index + 1) / count) * spanMs);
    const task = sampleTasks[Math.floor(random() ** 1.6 * sampleTasks.length)] ?? sampleTasks[0];
    const id = ulid(at).toLowerCase();
    const queuedMs = Math.round(40 + random() ** 6 * 9_000);
    const startMs = Math.round(5_200 + random() ** 5 * 21_000);
    const fetchMs = Math.round(120 + random() * 300);
    const runMs = Math.round(task.ms * (0.6 + random()));
    const chance = random();
    const outcome = chance < task.failing ? failed : chance > 0.985 ? canceled : succeeded;
    const opened = at + queuedMs;
    const fenced = opened + startMs;
    const ended = fenced + runMs + 400;
    const seconds = (ended - opened) / 1000;
    yield {
      ...outcome,
      id,
      version: 5,
      operationId: id,
      taskName: task.taskName,
      requestedBy: random() < 0.7 ? 'scheduler' : 'operations',
      createdAt: instant(at),
      startedAt: instant(fenced),
      endedAt: instant(ended),
      parameters: [{ name: 'VMName', value: `vm-${Math.floor(random() * 90) + 10}`, secret: false }],
      labels: { team: random() < 0.5 ? 'platform' : 'finance' },
      definition: taskDefinitionSchema.parse({
        taskName: task.taskName,
        dockerImage: task.image,
        scriptName: task.script,
      }),
      executable: { name: task.script, sha256: 'c0ffee42'.repeat(8), etag: 'etag', bytes: 1_480 },
      attempts: [
        {
          number: 1,
          containerName: `errand-${id}-1`,
          platform: 'azure-container-instances',
          region: regions[Math.floor(random() ** 2 * regions.length)] ?? 'westeurope',
          openedAt: instant(opened),
          lease: { by: 'sample', until: instant(opened) },
          createdAt: instant(opened + 1_100),
          fencedAt: instant(fenced),
          endedAt: instant(ended),
          fetchMs,
          runMs,
          exitCode: outcome.exitCode,
          reason: outcome.reason,
          message: outcome.message,
          counted: true,
          containerGone: true,
        },
      ],
      cost: {
        currency: 'USD',
        amount: Number((seconds * 0.0000161).toFixed(6)),
        cpuSeconds: seconds,
        gbSeconds: seconds,
        prices,
      },
      files: [],
      slots: [],
      slotTerm: 1,
      wakeId: id,
      wakeAt: instant(ended),
      open: false,
    };
  }
}

interface Outcome {
  state: TerminalState;
  reason: EndReason;
  message: string;
  exitCode: number;
}

const succeeded: Outcome = { state: 'succeeded', reason: 'completed', message: 'exit code 0', exitCode: 0 };
const failed: Outcome = { state: 'failed', reason: 'exitCode', message: 'exit code 3', exitCode: 3 };
const canceled: Outcome = { state: 'canceled', reason: 'canceled', message: 'canceled by operations', exitCode: 143 };

/** Numbers in [0, 1) that look random, and are the same each time. */
function sequence(): () => number {
  let state = 42;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Writes runs into the database of a data directory at once: one by one, each made durable, 100,000 of them would take minutes. */
export function insertRuns(dataDirectory: string, runs: Iterable<EndedRun>): void {
  const database = new DatabaseSync(join(dataDirectory, 'errand.db'));
  const run = database.prepare(
    'INSERT INTO runs (id, version, task, state, open, wake_at, ended_at, labels, record) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)',
  );
  const label = database.prepare('INSERT INTO labels (name, value, run_id) VALUES (?, ?, ?)');
  database.exec('BEGIN IMMEDIATE');
  for (const each of runs) {
    const { id, version, taskName, state, wakeAt, endedAt, labels } = each;
    run.run(id, version, taskName, state, wakeAt, endedAt, JSON.stringify(labels), JSON.stringify(each));
    for (const [name, value] of Object.entries(labels)) label.run(name, value, id);
  }
  database.exec('COMMIT');
  database.close();
}
