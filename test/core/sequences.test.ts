import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTerminal } from '../../src/contract/run.ts';
import { orchestrator, type Orchestrator } from '../../src/core/orchestrator.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import type { CreateOutcome } from '../support/scripted-runner.ts';
import { installation, type Installation, type Process } from './support/installation.ts';

type Action =
  | { do: 'accept'; task: string; key?: string | undefined }
  | { do: 'cancel' | 'tell'; run: number }
  | { do: 'boot' | 'die' | 'vanish'; container: number }
  | { do: 'finish'; container: number; exitCode: number }
  | { do: 'advance'; seconds: number }
  | { do: 'nextCreate'; outcome: CreateOutcome }
  | { do: 'platform'; reachable: boolean }
  | { do: 'receiver'; isWell: boolean }
  | { do: 'kill'; afterCalls: number }
  /** In the middle of what the orchestrators do by then. */
  | { do: 'bootSoon' | 'finishSoon' | 'cancelSoon'; afterCalls: number; container: number }
  /** A client cancels, and the runner does something after so many further calls. */
  | { do: 'race'; what: 'bootSoon' | 'finishSoon'; afterCalls: number; container: number }
  | { do: 'restart' | 'sweep' | 'second' | 'release' };

const timeouts = { queueSeconds: 600, startSeconds: 60, runSeconds: 120, graceSeconds: 5, totalSeconds: 1500 };
const everything = ['start', 'lost', 'exitCode', 'timeout'] as const;
const tasks = [
  { taskName: 'Once', timeouts },
  { taskName: 'Thrice', timeouts, retry: { maxAttempts: 3, on: [...everything] } },
  { taskName: 'Single', timeouts, concurrency: { limit: 1 }, retry: { maxAttempts: 2, on: [...everything] } },
];

const anIndex = fc.nat({ max: 5 });
const anAction: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('accept' as const),
      task: fc.constantFrom(...tasks.map(({ taskName }) => taskName)),
      key: fc.constantFrom(undefined, undefined, 'k1', 'k2'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'tell' as const), run: anIndex }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('boot' as const, 'boot' as const, 'boot' as const, 'die' as const, 'vanish' as const),
      container: anIndex,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      container: anIndex,
      exitCode: fc.constantFrom(0, 0, 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('advance' as const), seconds: fc.constantFrom(1, 16, 31, 70, 140, 400) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('nextCreate' as const),
      outcome: fc.constantFrom<CreateOutcome>('answerLost', 'neverSent', 'refused', 'notStarted', 'slow', 'late'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('platform' as const), reachable: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('receiver' as const), isWell: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('restart' as const, 'sweep' as const, 'second' as const, 'release' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('race' as const),
      what: fc.constantFrom('bootSoon' as const, 'finishSoon' as const),
      afterCalls: fc.nat({ max: 12 }),
      container: anIndex,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('bootSoon' as const, 'finishSoon' as const, 'cancelSoon' as const),
      afterCalls: fc.nat({ max: 12 }),
      container: anIndex,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('kill' as const), afterCalls: fc.nat({ max: 12 }) }) },
);

/** Carries out actions on a real orchestrator, and knows what must never be seen. */
async function play(here: Installation, actions: readonly Action[]): Promise<void> {
  const accepted: string[] = [];
  const byKey = new Map<string, string>();
  const wrong: string[] = [];
  let process: Process | undefined;
  let errand: Orchestrator | undefined;
  let second: Orchestrator | undefined;
  let pending: { left: number; happen: () => void }[] = [];

  const stored = (runId: string): RunRecord | undefined => here.history.findLast(({ id }) => id === runId);

  here.platform.onStart = ({ spec: { runId, attempt, taskName } }) => {
    const run = stored(runId);
    if (run === undefined || isTerminal(run.state)) wrong.push(`user code of a run that is ${run?.state} started`);
    if (run?.attempts[attempt - 1]?.endedAt !== undefined) wrong.push('user code of an attempt that had ended started');
    const others = [...here.platform.containers.values()].filter(
      ({ spec, atWork }) => spec.taskName === taskName && atWork && spec.runId !== runId,
    );
    if (taskName === 'Single' && others.length > 0)
      wrong.push('two runs of a task that takes one at a time were under way');
  };
  here.platform.onRemove = ({ spec: { runId, attempt, name }, atWork }) => {
    const hasStarted = here.platform.starts.some((start) => start.runId === runId && start.attempt === attempt);
    if (hasStarted && !existsSync(join(here.directory, 'artifacts/runs', runId, String(attempt), 'collected.json')))
      wrong.push(`${name} was removed before its log was stored`);
    if (atWork) wrong.push(`${name} was removed while its task was at work`);
  };

  async function begin(): Promise<Orchestrator> {
    const born = await here.start();
    const started = orchestrator(born.context);
    process = born;
    errand = started;
    await Promise.race([started.start(), born.killed]);
    await here.settle();
    return started;
  }

  /** With a call to come: that call is still carried out. */
  function soon(calls: number, happen: () => void): void {
    pending.push({ left: calls, happen });
  }

  here.fail = () => {
    for (const each of pending) each.left -= 1;
    const due = pending.filter(({ left }) => left < 0);
    pending = pending.filter(({ left }) => left >= 0);
    for (const { happen } of due) happen();
  };

  function meanwhile(what: 'bootSoon' | 'finishSoon' | 'cancelSoon', index: number): void {
    const names = [...here.platform.containers.keys()];
    const name = names[index % Math.max(1, names.length)] ?? '';
    const runId = here.platform.containers.get(name)?.spec.runId;
    if (what === 'bootSoon') here.platform.boot(name);
    else if (what === 'finishSoon') here.platform.finish(name, 0);
    else if (runId !== undefined && errand !== undefined)
      errand.cancel(runId, 'bob').catch((error: unknown) => wrong.push(String(error)));
  }

  async function carryOut(action: Action): Promise<void> {
    const containers = [...here.platform.containers.keys()];
    const container =
      'container' in action ? (containers[action.container % Math.max(1, containers.length)] ?? '') : '';
    const run = 'run' in action ? accepted[action.run % Math.max(1, accepted.length)] : undefined;
    const now = process?.isKilled() === false && errand !== undefined ? errand : await begin();
    await Promise.race([act(now, action, container, run), process?.killed]);
    await here.settle();
  }

  async function act(now: Orchestrator, action: Action, container: string, run: string | undefined): Promise<void> {
    switch (action.do) {
      case 'accept': {
        const key = action.key === undefined ? undefined : `${action.key} ${action.task}`;
        const { run: created } = await now.accept(
          { taskName: action.task, parameters: [], labels: {}, timeouts: {}, callbackUri: 'https://receiver.example/' },
          { principal: 'ann', idempotencyKey: key },
        );
        if (key !== undefined && (byKey.get(key) ?? created.id) !== created.id)
          wrong.push('one idempotency key led to two runs');
        if (key !== undefined) byKey.set(key, created.id);
        if (!accepted.includes(created.id)) accepted.push(created.id);
        break;
      }
      case 'cancel':
        if (run !== undefined) await now.cancel(run, 'bob');
        break;
      case 'tell':
        if (run !== undefined) here.platform.tell(run);
        break;
      case 'finish':
        here.platform.finish(container, action.exitCode);
        break;
      case 'boot':
      case 'die':
      case 'vanish':
        here.platform[action.do](container);
        break;
      case 'advance':
        await here.advance(action.seconds * 1000);
        break;
      case 'nextCreate':
        here.platform.next = action.outcome;
        break;
      case 'platform':
        here.platform.reachable = action.reachable;
        break;
      case 'receiver':
        here.receivers.answer = () => ({ kind: 'answered', status: action.isWell ? 204 : 503 });
        break;
      case 'kill':
        // It dies in the middle of whatever it does by then.
        soon(action.afterCalls, () => process?.kill());
        break;
      case 'bootSoon':
      case 'finishSoon':
      case 'cancelSoon':
        soon(action.afterCalls, () => meanwhile(action.do, action.container));
        break;
      case 'release':
        here.platform.release();
        break;
      case 'race': {
        const asked = here.platform.containers.get(container)?.spec.runId;
        soon(action.afterCalls, () => meanwhile(action.what, action.container));
        if (asked !== undefined) await now.cancel(asked, 'bob');
        break;
      }
      case 'second':
        if (second !== undefined) break;
        second = orchestrator((await here.start()).context);
        await second.start();
        break;
      case 'restart':
        // Closing waits for a create that is under way, as long as that takes.
        if (here.platform.hanging === 0) await now.close();
        process?.kill();
        break;
      case 'sweep':
        await now.sweep();
        break;
    }
  }

  for (const action of actions) await carryOut(action);

  // From here on nothing goes wrong any more, and every run must come to its end.
  here.platform.reachable = true;
  here.platform.next = 'fine';
  here.receivers.answer = () => ({ kind: 'answered', status: 204 });
  pending = [];
  here.platform.release();
  // What was late is there, or its end would not be waited for.
  await here.settle();
  // Those, too, whose answer never came.
  const all = () => new Set([...accepted, ...here.history.map(({ id }) => id)]);
  const isOpen = () => [...all()].some((id) => stored(id)?.open !== false) || here.platform.containers.size > 0;
  // A receiver that was away for long would be asked again in some hours.
  await carryOut({ do: 'sweep' });
  for (const id of all())
    if (stored(id)?.webhooks?.some(({ state }) => state === 'pending') === true) await errand?.redeliver(id, 1);
  await here.settle();
  for (let rounds = 0; rounds < 60 && isOpen(); rounds += 1) {
    for (const name of here.platform.containers.keys()) {
      here.platform.boot(name);
      here.platform.finish(name, 0);
    }
    await carryOut({ do: 'advance', seconds: 60 });
  }
  await carryOut({ do: 'advance', seconds: 400 });
  await carryOut({ do: 'sweep' });

  expect(wrong).toEqual([]);
  expect([...here.platform.containers.keys()], 'no container is left').toEqual([]);
  for (const id of all()) ended(here, id);
  expect(await process?.context.storage.slotEntries({ before: '~', limit: 10 }), 'no slot is left').toEqual([]);
  if (here.platform.hanging > 0) return;
  await errand?.close();
  await second?.close();
}

function ended(here: Installation, id: string): void {
  const versions = here.history.filter((run) => run.id === id);
  const last = versions.at(-1);
  if (last === undefined) throw new Error(`${id} was accepted and is not stored`);
  expect(isTerminal(last.state), `${id} is ${last.state}`).toBe(true);
  expect(last.open, `${id} is closed`).toBe(false);
  expect(last).not.toHaveProperty('secrets');
  expect(new Set(versions.filter(({ state }) => isTerminal(state)).map(({ state }) => state)).size).toBe(1);
  expect(versions.map(({ version }) => version)).toEqual(versions.map((_, index) => index + 1));

  const told = here.receivers.sent.filter(({ headers }) => headers['webhook-id']?.includes(id) === true);
  expect(last.webhooks, `the end of ${id} is told`).toMatchObject([{ state: 'delivered' }]);
  expect(last.webhooks?.[0]).not.toHaveProperty('sealed');
  expect(new Set(told.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([`msg_${id}_1`]));
  expect(new Set(told.map(({ body }) => body))).toEqual(new Set([`{"TaskStatus":${last.state === 'succeeded'}}`]));

  const starts = here.platform.starts.filter(({ runId }) => runId === id);
  expect(new Set(starts.map(({ attempt }) => attempt)).size, 'one start per attempt').toBe(starts.length);
  expect(starts.length).toBeLessThanOrEqual(last.definition.retry.maxAttempts);
  expect(new Set(here.platform.creates).size, 'one create per attempt').toBe(here.platform.creates.length);
  for (const attempt of last.attempts) {
    const hasStarted = starts.some(({ attempt: number }) => number === attempt.number);
    if (!attempt.counted) expect(hasStarted, 'an attempt that is not counted started nothing').toBe(false);
    if (attempt.exitCode !== undefined) expect(attempt.exitCode).toBe(here.platform.exits.get(attempt.containerName));
    if (attempt.fencedAt !== undefined) expect(attempt.log?.complete).toBe(attempt.exitCode !== undefined);
  }
  if (last.attempts.at(-1)?.exitCode === 0) expect(last.state, 'exit code 0 beats everything').toBe('succeeded');
  if (last.state === 'succeeded') expect(here.platform.exits.get(last.attempts.at(-1)?.containerName ?? '')).toBe(0);
}

test('whatever is asked and whatever goes wrong, every run ends as it should', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anAction, { minLength: 3, maxLength: 25 }), async (actions) => {
      const here = await installation();
      try {
        for (const task of tasks) await here.push(task);
        await play(here, actions);
      } finally {
        await here.dispose();
      }
    }),
    { numRuns: Number(process.env['ERRAND_TEST_SEQUENCES'] ?? 200), endOnFailure: false },
  );
});
