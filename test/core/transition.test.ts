import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTerminal, runStates, type RunState } from '../../src/contract/run.ts';
import { instant } from '../../src/core/clock.ts';
import { lastAttempt, type RunRecord } from '../../src/core/run-record.ts';
import { transition, withAttempt, type RunEvent } from '../../src/core/transition.ts';
import {
  attempt,
  collected,
  definitionOf,
  ended,
  oneOfEach,
  ourFence,
  policy,
  queued,
  result,
  running,
  starting,
  t0,
} from './support/records.ts';

const at = t0 + 3000;
const random = 0.5;
const lease = { by: 'two', until: instant(at + policy.leaseMs) };

const opened: RunEvent = { type: 'attemptOpened', containerName: 'errand-x-1', platform: 'scripted', lease, at };
const startedEvent: RunEvent = { type: 'started', fencedAt: instant(at - 5), at };
const canceled: RunEvent = { type: 'cancelRequested', by: 'bob', at };
const fencedOff = (why: Parameters<typeof ourFence>[0]): RunEvent => ({
  type: 'fencedOff',
  fence: ourFence(why),
  at,
  random,
});
const finished = (changes: Parameters<typeof result>[0]): RunEvent => ({
  type: 'finished',
  result: result(changes),
  collected,
  at,
  random,
});
const endedEvent: RunEvent = {
  type: 'ended',
  reason: 'vanished',
  message: 'the container is gone and left no result',
  collected,
  at,
  random,
};

/** What each event makes of a run of each state without retries; where nothing is said, it means nothing there. */
const table: [event: RunEvent, next: Partial<Record<RunState, RunState>>][] = [
  [opened, { queued: 'starting' }],
  [{ type: 'queueExpired', at }, { queued: 'expired' }],
  [{ type: 'totalExpired', at }, { queued: 'expired' }],
  [canceled, { queued: 'canceled', starting: 'starting', running: 'running' }],
  [startedEvent, { starting: 'running' }],
  [fencedOff({ kind: 'notCreated' }), { starting: 'queued' }],
  [fencedOff({ kind: 'noCapacity', place: 'here' }), { starting: 'queued' }],
  [fencedOff({ kind: 'canceled' }), { starting: 'canceled' }],
  [fencedOff({ kind: 'startTimeout' }), { starting: 'failed' }],
  [fencedOff({ kind: 'totalTimeout' }), { starting: 'timedOut' }],
  [fencedOff({ kind: 'startFailed', reason: 'imageUnavailable', permanent: true }), { starting: 'failed' }],
  [fencedOff({ kind: 'startFailed', reason: 'exitedEarly', permanent: false }), { starting: 'failed' }],
  [{ type: 'stopRequested', cause: 'cancel', at }, { running: 'running' }],
  [{ type: 'stopRequested', cause: 'runTimeout', at }, { running: 'running' }],
  [{ type: 'stopRequested', cause: 'totalTimeout', at }, { running: 'running' }],
  [finished({}), { running: 'succeeded' }],
  [finished({ exitCode: 3 }), { running: 'failed' }],
  [finished({ exitCode: 143, timedOut: true }), { running: 'timedOut' }],
  [finished({ exitCode: null, started: false, reason: 'fetchFailed' }), { running: 'failed' }],
  [endedEvent, { running: 'lost' }],
];

function name(event: RunEvent): string {
  if (event.type === 'fencedOff') return `fencedOff ${event.fence.why.kind}`;
  return event.type === 'stopRequested' ? `stopRequested ${event.cause}` : event.type;
}

describe('every event in every state', () => {
  const byState = new Map(oneOfEach().map((run) => [run.state, run]));
  const cases = table.flatMap(([event, next]) =>
    runStates.map((state) => ({ what: `${state} + ${name(event)}`, state, event, next: next[state] })),
  );

  test.each(cases)('$what → $next', ({ state, event, next }) => {
    const run = byState.get(state);
    expect(run && transition(run, event, policy)?.state).toBe(next);
  });

  test('the table has every kind of event, and the records every state', () => {
    expect(new Set(table.map(([{ type }]) => type)).size).toBe(9);
    expect([...byState.keys()].toSorted()).toEqual([...runStates].toSorted());
  });
});

describe('opening an attempt', () => {
  test('appends it with its lease, and forgets why the run waited', () => {
    const before = queued({
      attempts: [attempt({ endedAt: instant(t0) })],
      retryAt: instant(t0),
      waiting: { reason: 'backoff', message: 'waits' },
    });
    const after = transition(before, opened, policy);
    expect(after?.attempts).toHaveLength(2);
    expect(after?.attempts[0]).toEqual(before.attempts[0]);
    expect(after?.attempts[1]).toEqual({
      number: 2,
      containerName: 'errand-x-1',
      platform: 'scripted',
      openedAt: instant(at),
      lease,
      counted: true,
      containerGone: false,
    });
    expect(after).not.toHaveProperty('retryAt');
    expect(after).not.toHaveProperty('waiting');
  });
});

describe('the fence in our hands', () => {
  const twice = definitionOf({ retry: { maxAttempts: 2, on: ['start'] } });

  test('nothing was created: the attempt is not counted, and another one follows however few attempts are allowed', () => {
    const after = transition(starting(), fencedOff({ kind: 'notCreated' }), policy);
    expect(after).toMatchObject({ state: 'queued', retryAt: instant(at + policy.uncountedBackoffMs) });
    expect(lastAttempt(after as RunRecord)).toMatchObject({
      counted: false,
      endedAt: instant(at),
      reason: 'nothingStarted',
    });
  });

  test('the fifth attempt under which nothing was started is the last', () => {
    const earlier = [1, 2, 3, 4].map((number) => attempt({ number, counted: false, endedAt: instant(t0) }));
    const run = starting({ attempts: [...earlier, attempt({ number: 5 })] });
    expect(transition(run, fencedOff({ kind: 'notCreated' }), policy)).toMatchObject({
      state: 'failed',
      reason: 'nothingStarted',
    });
    const fourth = starting({ attempts: earlier });
    expect(transition(fourth, fencedOff({ kind: 'notCreated' }), policy)?.state).toBe('queued');
  });

  test.each([
    ['startTimeout', { kind: 'startTimeout' } as const],
    ['a passing refusal', { kind: 'startFailed', reason: 'startError', permanent: false } as const],
  ])('%s is tried again where retry says so, and counts', (_, why) => {
    const after = transition(starting({ definition: twice }), fencedOff(why), policy);
    expect(after?.state).toBe('queued');
    expect(after && lastAttempt(after)?.counted).toBe(true);
    const second = starting({ definition: twice, attempts: [attempt(), attempt({ number: 2 })] });
    expect(transition(second, fencedOff(why), policy)?.state).toBe('failed');
  });

  test('a place without room is left alone for a while, and such an attempt never counts', () => {
    const elsewhere = { place: 'there', until: instant(at + 5000) };
    const over = { place: 'once', until: instant(at) };
    const run = starting({ avoid: [over, elsewhere], attempts: [attempt({ region: 'here' })] });
    const after = transition(run, fencedOff({ kind: 'noCapacity', place: 'here' }), policy);
    expect(after).toMatchObject({
      state: 'queued',
      retryAt: instant(at),
      attempts: [{ counted: false, reason: 'noCapacity' }],
    });
    expect(after?.avoid).toEqual([elsewhere, { place: 'here', until: instant(at + policy.noCapacityMs) }]);
    const told = transition(run, fencedOff({ kind: 'noCapacity', place: 'here', retryAfterMs: 7 }), policy);
    expect(told?.avoid?.at(-1)).toEqual({ place: 'here', until: instant(at + 7) });
    const many = Array.from({ length: 20 }, (_, index) =>
      attempt({ number: index + 1, counted: false, reason: 'noCapacity' }),
    );
    expect(
      transition(starting({ attempts: [...many, attempt({ number: 21 })] }), fencedOff({ kind: 'notCreated' }), policy)
        ?.state,
    ).toBe('queued');
  });

  test('a refusal for good is not tried again', () => {
    const why = { kind: 'startFailed', reason: 'imageUnavailable', permanent: true } as const;
    expect(transition(starting({ definition: twice }), fencedOff(why), policy)).toMatchObject({
      state: 'failed',
      reason: 'imageUnavailable',
      message: 'because',
    });
  });

  test('a cancel beats every reason', () => {
    const run = starting({ definition: twice, cancel: { by: 'bob', at: instant(at) } });
    for (const why of [{ kind: 'notCreated' }, { kind: 'startTimeout' }, { kind: 'totalTimeout' }] as const)
      expect(transition(run, fencedOff(why), policy)).toMatchObject({ state: 'canceled', reason: 'canceled' });
  });
});

describe('a result', () => {
  const mark = (cause: 'cancel' | 'runTimeout' | 'totalTimeout') => ({ cause, at: instant(at) });
  const twice = definitionOf({ retry: { maxAttempts: 2, on: ['start', 'lost', 'exitCode', 'timeout'] } });

  test.each(['cancel', 'runTimeout', 'totalTimeout'] as const)('with exit 0 beats a stop by %s', (cause) => {
    const run = running({ stop: mark(cause), cancel: { by: 'bob', at: instant(at) } });
    expect(transition(run, finished({}), policy)).toMatchObject({
      state: 'succeeded',
      exitCode: 0,
      reason: 'completed',
    });
  });

  test('exit 0 of a runner that says it started nothing is no success', () => {
    const after = transition(running(), finished({ started: false, exitCode: 0, reason: 'missingUtility' }), policy);
    expect(after).toMatchObject({ state: 'failed', reason: 'missingUtility' });
  });

  test.each([
    ['cancel', 'canceled', 'canceled'],
    ['totalTimeout', 'timedOut', 'totalTimeout'],
  ] as const)('after a stop by %s ends the run, retries or not', (cause, state, reason) => {
    const run = running({ definition: twice, stop: mark(cause) });
    expect(transition(run, finished({ exitCode: 143 }), policy)).toMatchObject({ state, reason, exitCode: 143 });
    expect(transition(run, endedEvent, policy)).toMatchObject({ state, reason });
  });

  test('after a stop by runTimeout is tried again where retry has timeout', () => {
    const stop = mark('runTimeout');
    expect(transition(running({ definition: twice, stop }), finished({ exitCode: 143 }), policy)?.state).toBe('queued');
    expect(transition(running({ stop }), finished({ exitCode: 143 }), policy)).toMatchObject({
      state: 'timedOut',
      reason: 'runTimeout',
    });
  });

  test('a container that was stopped by none of us before its task began is followed by another, which does not count', () => {
    const stopped = finished({
      started: false,
      exitCode: null,
      reason: 'stopped',
      message: 'asked to stop',
      stopped: true,
    });
    const after = transition(running(), stopped, policy);
    expect(after).toMatchObject({ state: 'queued', retryAt: expect.any(String) });
    expect(after && lastAttempt(after)).toMatchObject({ counted: false, message: 'asked to stop' });
    const canceledRun = running({ stop: mark('cancel'), cancel: { by: 'bob', at: instant(at) } });
    expect(transition(canceledRun, stopped, policy)?.state).toBe('canceled');
    const before = Array.from({ length: policy.maxUncounted - 1 }, (_, index) =>
      attempt({ number: index + 1, counted: false }),
    );
    const last = attempt({ number: policy.maxUncounted, fencedAt: instant(t0 + 1000) });
    expect(transition(running({ attempts: [...before, last] }), stopped, policy)).toMatchObject({
      state: 'failed',
      reason: 'nothingStarted',
      message: expect.stringContaining('asked to stop'),
    });
  });

  test('a container that was stopped by none of us says so, and is tried again where retry has lost', () => {
    const stopped = finished({ exitCode: 143, signal: 'TERM', stopped: true });
    expect(transition(running(), stopped, policy)).toMatchObject({
      state: 'failed',
      reason: 'signal',
      exitCode: 143,
      message: 'ended by signal TERM: its container was stopped from outside',
    });
    const onLost = definitionOf({ retry: { maxAttempts: 2, on: ['lost'] } });
    expect(transition(running({ definition: onLost }), stopped, policy)?.state).toBe('queued');
    const onExitCode = definitionOf({ retry: { maxAttempts: 2, on: ['exitCode'] } });
    expect(transition(running({ definition: onExitCode }), stopped, policy)?.state).toBe('queued');
    const byItself = finished({ exitCode: 143, signal: 'TERM' });
    expect(transition(running({ definition: onLost }), byItself, policy)?.state).toBe('failed');
    const byUs = running({ definition: onLost, stop: mark('runTimeout') });
    expect(transition(byUs, stopped, policy)?.state).toBe('timedOut');
  });

  test.each([
    [{ exitCode: 3 }, 'exitCode', 'exit code 3'],
    [{ exitCode: 137, signal: 'KILL' }, 'signal', 'ended by signal KILL'],
    [{ exitCode: 137, signal: 'KILL', oomKilled: true }, 'outOfMemory', 'memoryInGB'],
    [{ exitCode: 137, timedOut: true, signal: 'KILL' }, 'runTimeout', 'runSeconds'],
    [{ exitCode: null }, 'exitCode', 'exit code 255'],
    [{ started: false, exitCode: null, reason: 'checksumMismatch', message: 'bad sum' }, 'checksumMismatch', 'bad sum'],
    [{ started: false, exitCode: null }, 'startError', 'could not start'],
  ] as const)('%o has the reason %s', (changes, reason, message) => {
    const after = transition(running(), finished(changes), policy);
    expect(after).toMatchObject({ reason, message: expect.stringContaining(message) });
    expect(after && lastAttempt(after)).toMatchObject({ reason, endedAt: instant(at), log: collected.log });
  });

  test('keeps exit code, signal, durations, output and files', () => {
    const durationMs = { fetch: 5, run: 7 };
    const event: RunEvent = {
      type: 'finished',
      result: result({ exitCode: 2, signal: 'TERM', durationMs }),
      collected: { ...collected, output: { a: 1 }, files: [{ name: 'f', bytes: 1, sha256: 'c' }] },
      at,
      random,
    };
    const after = transition(running(), event, policy);
    expect(after && lastAttempt(after)).toMatchObject({ exitCode: 2, signal: 'TERM', fetchMs: 5, runMs: 7 });
    expect(after).toMatchObject({ exitCode: 2, output: { a: 1 }, files: [{ name: 'f' }] });
    const spoiled: RunEvent = { ...event, collected: { ...collected, outputProblem: 'too large' } };
    expect(transition(running(), spoiled, policy)).toMatchObject({ outputProblem: 'too large', files: [] });
  });

  test('a retry forgets the stop, the start and the staleness of the attempt', () => {
    const run = running({ definition: twice, stop: mark('runTimeout'), staleSince: instant(at) });
    const after = transition(run, endedEvent, policy);
    expect(after).toMatchObject({ state: 'queued', retryAt: expect.any(String) });
    for (const gone of ['stop', 'startedAt', 'staleSince']) expect(after).not.toHaveProperty(gone);
  });
});

test('totalSeconds over in the queue: timedOut where an attempt counted, else expired', () => {
  const event: RunEvent = { type: 'totalExpired', at };
  expect(transition(queued({ attempts: [attempt()] }), event, policy)?.state).toBe('timedOut');
  expect(transition(queued({ attempts: [attempt({ counted: false })] }), event, policy)?.state).toBe('expired');
});

test('a run without attempts has no attempt to change', () => {
  const run = queued();
  expect(withAttempt(run, { phase: 'x' })).toBe(run);
});

describe('whatever happens in whatever order', () => {
  const why = fc.constantFrom(
    { kind: 'notCreated' } as const,
    { kind: 'noCapacity', place: 'here' } as const,
    { kind: 'canceled' } as const,
    { kind: 'startTimeout' } as const,
    { kind: 'totalTimeout' } as const,
    { kind: 'startFailed', reason: 'startError', permanent: false } as const,
    { kind: 'startFailed', reason: 'imageUnavailable', permanent: true } as const,
  );
  const anEvent: fc.Arbitrary<RunEvent> = fc.oneof(
    { weight: 4, arbitrary: fc.constant(opened) },
    { weight: 4, arbitrary: fc.constant(startedEvent) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<RunEvent>(canceled, { type: 'queueExpired', at }, { type: 'totalExpired', at }),
    },
    { weight: 3, arbitrary: why.map((reason) => fencedOff(reason)) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom('cancel', 'runTimeout', 'totalTimeout')
        .map((cause): RunEvent => ({ type: 'stopRequested', cause }) as RunEvent)
        .map((event) => ({ ...event, at })),
    },
    {
      weight: 3,
      arbitrary: fc
        .record({ exitCode: fc.constantFrom(0, 0, 1, 75, null), started: fc.boolean(), timedOut: fc.boolean() })
        .map((changes) => finished(changes)),
    },
    { weight: 2, arbitrary: fc.constant(endedEvent) },
  );
  const aRun = fc
    .record({
      maxAttempts: fc.integer({ min: 1, max: 4 }),
      on: fc.subarray(['start', 'lost', 'exitCode', 'timeout'] as const),
    })
    .map(({ maxAttempts, on }) => queued({ definition: definitionOf({ retry: { maxAttempts, on: [...on] } }) }));

  test('the rules hold', () => {
    const reached = new Set<RunState>();
    fc.assert(
      fc.property(aRun, fc.array(anEvent, { maxLength: 40 }), (first, events) => {
        let run: RunRecord = first;
        for (const event of events) {
          const next = transition(run, event, policy);
          if (isTerminal(run.state)) expect(next).toBeUndefined();
          if (next === undefined) continue;
          keeps(run, event, next);
          run = next;
          reached.add(run.state);
        }
      }),
      { numRuns: 3000 },
    );
    expect(reached.size).toBe(runStates.length);
  });

  function keeps(run: RunRecord, event: RunEvent, next: RunRecord): void {
    expect(next.version).toBe(run.version);
    // Attempts are only appended, and only the last one changes.
    expect(next.attempts.length - run.attempts.length).toBe(event.type === 'attemptOpened' ? 1 : 0);
    const settled = run.attempts.slice(0, event.type === 'attemptOpened' ? undefined : -1);
    expect(next.attempts.slice(0, settled.length)).toEqual(settled);
    // The first reason to stop an attempt stays as long as the attempt is under way.
    if (run.stop !== undefined && (next.state === 'starting' || next.state === 'running'))
      expect(next.stop).toEqual(run.stop);
    if (run.cancel !== undefined) expect(next.cancel).toEqual(run.cancel);
    if (next.cancel !== undefined) expect(next.state).not.toBe('queued');
    if (event.type === 'finished' && event.result.started && event.result.exitCode === 0)
      expect(next.state).toBe('succeeded');
    if (next.state === 'succeeded')
      expect(event).toMatchObject({ type: 'finished', result: { started: true, exitCode: 0 } });
    const fenced = next.attempts.filter(({ fencedAt }) => fencedAt !== undefined);
    expect(fenced.length).toBeLessThanOrEqual(next.definition.retry.maxAttempts);
    const nothingStarted = next.attempts.filter(({ counted, reason }) => !counted && reason !== 'noCapacity');
    expect(nothingStarted.length).toBeLessThanOrEqual(policy.maxUncounted);
    if (isTerminal(next.state)) {
      expect(next).not.toHaveProperty('secrets');
      expect(next).toHaveProperty('endedAt');
      expect(next.open).toBe(true);
    } else expect(next.secrets).toEqual(run.secrets);
  }
});

test('an ended run is left as it is', () => {
  for (const [event] of table) expect(transition(ended(), event, policy)).toBeUndefined();
});

describe('when the fence was taken', () => {
  const openedAt = at - 10_000;
  const run = starting({ attempts: [attempt({ openedAt: instant(openedAt) })] });
  const fenced = (told: number) => {
    const next = transition(run, { type: 'started', fencedAt: instant(told), at }, policy);
    return next?.attempts.at(-1)?.fencedAt;
  };

  test.each([
    ['the runner says, where it was seen late', at - 5000, at - 5000],
    ['it was seen, where that was at once: the runner may only know whole seconds', at - 900, at],
    ['it was seen, where the runner says a time before the attempt', openedAt - 1, at],
    ['it was seen, where the runner says a time to come', at + 1, at],
  ])('is when %s', (_, told, expected) => {
    expect(fenced(told)).toBe(instant(expected));
  });
});
