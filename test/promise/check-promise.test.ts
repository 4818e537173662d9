import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';

import type { LogFacts } from '../../src/contract/run.ts';
import type { Exchange } from '../../src/core/ports/artifact-store.ts';
import type { AttemptRecord, EndedRun, RunRecord } from '../../src/core/run-record.ts';
import { sampleEnded, sampleRun } from '../../src/testing/sample-run.ts';
import { checkPromise, type Invariant } from './check-promise.ts';
import type { Delivery } from '../../src/core/webhooks.ts';
import type { Evidence, Execution, Told } from './evidence.ts';

const printed = 'first line\nsecond line\n';
const sha256 = createHash('sha256').update(printed).digest('hex');
const accepted = sampleRun(1);
const logFacts: LogFacts = {
  bytes: printed.length,
  lines: 2,
  sha256,
  truncated: false,
  droppedBytes: 0,
  complete: true,
};
const firstLine = 'first line\n';
const firstLineFacts: LogFacts = {
  ...logFacts,
  bytes: firstLine.length,
  lines: 1,
  sha256: createHash('sha256').update(firstLine).digest('hex'),
};
const attempt: AttemptRecord = {
  number: 1,
  containerName: 'errand-1',
  platform: 'process',
  openedAt: accepted.createdAt,
  lease: { by: 'somebody', until: accepted.createdAt },
  fencedAt: accepted.createdAt,
  exitCode: 0,
  counted: true,
  containerGone: true,
  log: logFacts,
};
const webhook: Delivery = {
  number: 1,
  from: 'request',
  format: 'standard',
  target: 'https://receiver.example',
  state: 'delivered',
  attempts: 1,
};
const message: Told = { runId: accepted.id, number: 1, id: 'msg_1', isGenuine: true };
const ended = sampleEnded(accepted, { attempts: [attempt], webhooks: [webhook] });
const execution: Execution = { runId: ended.id, attempt: 1, id: 'one', ended: true, exitCode: 0 };

interface World extends Omit<Evidence, 'storage' | 'artifacts'> {
  runs: readonly RunRecord[];
  log: string;
  open: readonly string[];
  slots: readonly string[];
}

const sound: World = {
  runs: [ended],
  log: printed,
  open: [],
  slots: [],
  acceptances: [
    { runId: ended.id, key: 'a' },
    { runId: ended.id, key: 'a' },
  ],
  canceledBeforeStart: [],
  executions: [execution],
  printed: () => printed,
  writes: [
    { id: ended.id, version: 1, state: 'queued', open: true },
    { id: ended.id, version: 2, state: 'succeeded', open: true },
    { id: ended.id, version: 3, state: 'succeeded', open: false },
  ],
  told: [message, message],
  left: [],
};

function evidenceOf({ runs, log, open, slots, ...rest }: World): Evidence {
  const readLog: Exchange['readLog'] = async ({ offset, length }) => {
    const bytes = Buffer.from(log);
    return { offset, bytes: bytes.subarray(offset, offset + Math.min(length, 7)), size: bytes.length };
  };
  const since = accepted.createdAt;
  return {
    ...rest,
    // Pages of one run each.
    storage: {
      listRuns: async (_filter, { cursor = '0' }) => ({
        runs: runs.slice(Number(cursor), Number(cursor) + 1),
        ...(Number(cursor) + 1 < runs.length ? { cursor: String(Number(cursor) + 1) } : {}),
      }),
      openRuns: async () => open.map((id) => ({ id, wakeAt: since })),
      slotEntries: async () => slots.map((holder) => ({ key: 'slot', holder, held: true, since })),
    },
    artifacts: { exchange: () => ({ readLog }) as unknown as Exchange },
  };
}

const changed = (changes: Partial<EndedRun>): Partial<World> => ({ runs: [{ ...ended, ...changes }] });
const attemptChanged = (changes: Partial<AttemptRecord>): Partial<World> =>
  changed({ attempts: [{ ...attempt, ...changes }] });
const { log: _, ...withoutLog } = attempt;
const { fencedAt: __, ...withoutFence } = attempt;

const breaches: [what: string, invariant: Invariant, change: Partial<World>][] = [
  ['a run that never ends', 'I1', { runs: [{ ...accepted, state: 'queued' }] }],
  ['a run that ended and was left open', 'I1', changed({ open: true })],
  ['an accepted request without a record', 'I1', { acceptances: [{ runId: 'gone' }] }],
  ['an execution without a record', 'I1', { executions: [execution, { ...execution, runId: 'gone' }] }],
  ['an index that still has it', 'I1', { open: [ended.id] }],
  ['two executions of one attempt', 'I2', { executions: [execution, { ...execution, id: 'two' }] }],
  [
    'more attempts than are allowed',
    'I2',
    {
      ...changed({ attempts: [attempt, { ...attempt, number: 2 }] }),
      executions: [execution, { ...execution, attempt: 2, id: 'two' }],
    },
  ],
  [
    'an end that changed',
    'I3',
    {
      writes: [
        { id: ended.id, version: 1, state: 'failed', open: true },
        { id: ended.id, version: 2, state: 'succeeded', open: false },
      ],
    },
  ],
  [
    'one version written twice',
    'I3',
    {
      writes: [
        { id: ended.id, version: 1, state: 'queued', open: true },
        { id: ended.id, version: 1, state: 'queued', open: true },
      ],
    },
  ],
  ['success without an execution', 'I4', { executions: [] }],
  ['success of an execution that was cut short', 'I4', { executions: [{ ...execution, ended: false }] }],
  ['another exit code', 'I4', { executions: [{ ...execution, exitCode: 3 }] }],
  ['an execution that the record denies', 'I4', changed({ attempts: [withoutFence] })],
  ['a start after a cancel that was answered', 'I5', { canceledBeforeStart: [ended.id] }],
  ['a log that lost its end', 'I6', { log: printed.slice(0, 11) }],
  [
    'a log that lost its end, and facts that agree with it',
    'I6',
    {
      log: firstLine,
      ...attemptChanged({
        log: firstLineFacts,
      }),
    },
  ],
  ['a wrong count of lines', 'I6', attemptChanged({ log: { ...logFacts, lines: 3 } })],
  ['a container that went before its log was kept', 'I7', changed({ attempts: [withoutLog] })],
  ['a container that is left', 'I8', { left: ['errand-1'] }],
  ['a container that nobody has seen gone', 'I8', attemptChanged({ containerGone: false })],
  [
    'one key for two runs',
    'I9',
    {
      acceptances: [
        { runId: ended.id, key: 'a' },
        { runId: 'other', key: 'a' },
      ],
    },
  ],
  ['a webhook that is still to be delivered', 'I10', changed({ webhooks: [{ ...webhook, state: 'pending' }] })],
  [
    'a webhook that never found out that its run has ended',
    'I10',
    changed({ webhooks: [{ ...webhook, state: 'waiting' }] }),
  ],
  ['a delivery that nobody received', 'I10', { told: [] }],
  ['a webhook for another end', 'I10', changed({ webhooks: [{ ...webhook, state: 'unwanted' }] })],
  ['a repetition under another id', 'I10', { told: [message, { ...message, id: 'msg_2' }] }],
  ['a webhook with a wrong signature', 'I10', { told: [message, { ...message, isGenuine: false }] }],
  ['a webhook that nobody asked for', 'I10', { told: [message, { ...message, number: 2 }] }],
  [
    'an address that is kept',
    'tidy',
    changed({ webhooks: [{ ...webhook, sealed: { keyId: 'k', iv: '', tag: '', data: '' } }] }),
  ],
  ['secrets that are kept', 'tidy', changed({ secrets: { keyId: 'k', iv: '', tag: '', data: '' } })],
  ['a slot that is kept', 'tidy', { slots: [`${ended.id}.1`] }],
];

test('what was kept is not called broken', async () => {
  expect(await checkPromise(evidenceOf(sound))).toEqual([]);
});

test('a log that says that it is not whole is believed', async () => {
  const cut = { ...sound, log: firstLine };
  expect(
    await checkPromise(evidenceOf({ ...cut, ...attemptChanged({ log: { ...firstLineFacts, complete: false } }) })),
  ).toEqual([]);
  expect(
    await checkPromise(evidenceOf({ ...cut, ...attemptChanged({ log: { ...firstLineFacts, truncated: true } }) })),
  ).toEqual([]);
});

test('a person may resolve what was lost', async () => {
  const writes = [
    { id: ended.id, version: 1, state: 'lost', open: false },
    { id: ended.id, version: 2, state: 'succeeded', open: false },
  ] as const;
  expect(await checkPromise(evidenceOf({ ...sound, writes }))).toEqual([]);
});

test('an index that is put right in time breaks nothing', async () => {
  const evidence = evidenceOf(sound);
  const told = [[ended.id], []];
  const openRuns = async () => (told.shift() ?? []).map((id) => ({ id, wakeAt: accepted.createdAt }));
  expect(await checkPromise({ ...evidence, storage: { ...evidence.storage, openRuns } })).toEqual([]);
  expect(told).toEqual([]);
});

test.each(breaches)('%s is found', async (_what, invariant, change) => {
  const found = await checkPromise(evidenceOf({ ...sound, ...change }), { patienceMs: 1_000 });
  expect(found.map((breach) => breach.invariant)).toContain(invariant);
});
