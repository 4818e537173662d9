import { describe, expect, test } from 'vitest';
import { instant } from '../../src/core/clock.ts';
import { decide, type Seen, type Step } from '../../src/core/decide.ts';
import type { Observation } from '../../src/core/ports/runner-driver.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import {
  attempt,
  definitionOf,
  ended,
  ourFence,
  policy,
  queued,
  result,
  running,
  runnersFence,
  starting,
  t0,
} from './support/records.ts';

const definition = definitionOf({
  timeouts: { queueSeconds: 100, startSeconds: 60, runSeconds: 200, graceSeconds: 5, totalSeconds: 1000 },
});
const look = policy.safetyLookMs;
const at = (seconds: number) => t0 + seconds * 1000;

function next(run: RunRecord, seen: Seen, seconds: number): Step {
  return decide(run, seen, at(seconds), policy, 0.5);
}

describe('queued', () => {
  const run = queued({ definition });
  const tried = attempt({ endedAt: instant(at(1)), fencedAt: instant(at(1)), containerGone: true });

  test('takes its slots, then opens an attempt', () => {
    expect(next(run, {}, 1)).toEqual({ do: 'takeSlots' });
    expect(next(run, { slots: { held: true } }, 1)).toEqual({ do: 'openAttempt' });
  });

  test('expires when queueSeconds is over, but not once an attempt has counted', () => {
    expect(next(run, {}, 99)).toEqual({ do: 'takeSlots' });
    expect(next(run, {}, 100)).toEqual({ do: 'apply', event: { type: 'queueExpired', at: at(100) } });
    expect(next({ ...run, attempts: [tried] }, {}, 100)).toEqual({ do: 'takeSlots' });
    const uncounted = { ...tried, counted: false };
    expect(next({ ...run, attempts: [uncounted] }, {}, 100)).toMatchObject({ event: { type: 'queueExpired' } });
  });

  test('ends when totalSeconds is over, before anything else', () => {
    const waiting = { ...run, attempts: [{ ...tried, containerGone: false }] };
    expect(next(waiting, {}, 1000)).toEqual({ do: 'apply', event: { type: 'totalExpired', at: at(1000) } });
  });

  test('removes what the last attempt left, unless the task keeps it for a look', () => {
    const left = { ...tried, containerGone: false };
    expect(next({ ...run, attempts: [left] }, {}, 2)).toEqual({ do: 'removeContainer', attempt: left });
    const kept = definitionOf({ retention: { failedSeconds: 60 } });
    expect(next({ ...run, definition: kept, attempts: [left] }, {}, 2)).toEqual({ do: 'takeSlots' });
    const { fencedAt: _, ...neverStarted } = left;
    expect(next({ ...run, definition: kept, attempts: [neverStarted] }, {}, 2)).toMatchObject({
      do: 'removeContainer',
    });
  });

  test('gives its slots back before it waits for the next attempt', () => {
    const waiter = { ...run, attempts: [tried], retryAt: instant(at(10)), slotTerm: 2 };
    const behind = { ...waiter, slots: [{ key: 'task:Demo', limit: 1 }], releaseTerm: 1 };
    const release = { do: 'releaseSlots', slots: behind.slots, term: 1 };
    expect(next(behind, {}, 2)).toEqual(release);
    // Also where the next attempt could start at once.
    expect(next(behind, {}, 10)).toEqual(release);
    const waiting = { reason: 'backoff', until: instant(at(10)) };
    expect(next(waiter, {}, 2)).toMatchObject({ do: 'wait', until: at(10), waiting });
    expect(next(waiter, {}, 10)).toEqual({ do: 'takeSlots' });
    expect(next({ ...waiter, retryAt: instant(at(5000)) }, {}, 2)).toMatchObject({ until: at(1000) });
  });

  test.each([
    ['task:Demo', undefined, 'concurrency', '2 runs of Demo under way'],
    ['task:Demo:VM:abc', 'VM', 'concurrency', 'with this value of VM'],
    ['platform:docker', undefined, 'capacity', '2 runners are under way'],
  ] as const)('waits for %s (key %s)', (slot, key, reason, message) => {
    const concurrency = { limit: 2, onLimit: 'queue' as const, ...(key === undefined ? {} : { key }) };
    const waiter = { ...run, definition: { ...definition, concurrency }, slots: [{ key: slot, limit: 2 }] };
    const step = next(waiter, { slots: { held: false, blockedBy: slot, position: 0 } }, 1);
    expect(step).toEqual({
      do: 'wait',
      until: at(1) + look,
      waiting: { reason, slot, message: expect.stringContaining(message) },
    });
  });

  test('who is far behind in the queue looks less often, though not for ever less, and not all at the same time', () => {
    const slot = 'task:Demo';
    const patient = { ...run, definition: definitionOf({ timeouts: { queueSeconds: 86_400 } }) };
    const pause = (position: number, random: number) => {
      const step = decide(patient, { slots: { held: false, blockedBy: slot, position } }, t0, policy, random);
      return step.do === 'wait' ? step.until - t0 : 0;
    };
    expect(pause(0, 0.9)).toBe(look);
    expect([0, 0.5].map((random) => pause(4, random))).toEqual([3 * look, 4 * look]);
    expect([19, 1999].map((position) => pause(position, 0.5))).toEqual([15.25 * look, 15.25 * look]);
  });

  test('one run is one run', () => {
    const waiter = { ...run, slots: [{ key: 'task:Demo', limit: 1 }] };
    const step = next(waiter, { slots: { held: false, blockedBy: 'task:Demo', position: 0 } }, 1);
    expect(step).toMatchObject({ waiting: { message: expect.stringContaining('1 run of Demo under way') } });
  });

  test('waits for its turn at its place', () => {
    const placed = { ...run, place: { name: 'here', notBefore: instant(at(20)) } };
    expect(next(placed, {}, 1)).toMatchObject({
      do: 'wait',
      until: at(20),
      waiting: { reason: 'capacity', until: instant(at(20)) },
    });
    expect(next(placed, {}, 20)).toEqual({ do: 'takeSlots' });
    const far = { ...run, place: { name: 'here', notBefore: instant(at(5000)) } };
    expect(next(far, {}, 1)).toMatchObject({ do: 'wait', until: at(100) });
  });

  test('leaves a container whose removal has its turn later, and goes on', () => {
    const left = { ...tried, containerGone: false, removeAt: instant(at(30)) };
    expect(next({ ...run, attempts: [left] }, {}, 2)).toEqual({ do: 'takeSlots' });
    expect(next({ ...run, attempts: [left] }, {}, 30)).toEqual({ do: 'removeContainer', attempt: left });
    const over = ended({ attempts: [{ ...left, exitCode: 0 }] });
    expect(next(over, {}, 2)).toEqual({ do: 'wait', until: at(30) });
    expect(next(over, {}, 30)).toMatchObject({ do: 'removeContainer' });
  });

  test('waits for a slot no longer than it may', () => {
    const full: Seen = { slots: { held: false, blockedBy: 'task:Demo', position: 0 } };
    expect(next(run, full, 90)).toMatchObject({ do: 'wait', until: at(100) });
    expect(next({ ...run, attempts: [tried] }, full, 990)).toMatchObject({ do: 'wait', until: at(1000) });
  });
});

describe('starting', () => {
  const created = attempt({ createdAt: instant(at(1)), phase: 'pulling' });
  const run = starting({ definition, attempts: [created] });
  const creating = starting({ definition });

  test('the fence decides, whoever has it and whatever else is known', () => {
    const canceled = { ...run, cancel: { by: 'bob', at: instant(at(2)) } };
    for (const each of [run, creating, canceled]) {
      for (const seconds of [2, 60, 1000]) {
        expect(next(each, { fence: runnersFence }, seconds)).toEqual({
          do: 'apply',
          event: { type: 'started', fencedAt: runnersFence.at, at: at(seconds) },
        });
        const fence = ourFence({ kind: 'startTimeout' });
        expect(next(each, { fence }, seconds)).toEqual({
          do: 'apply',
          event: { type: 'fencedOff', fence, at: at(seconds), random: 0.5 },
        });
      }
    }
  });

  test.each([
    ['a cancel', { ...run, cancel: { by: 'bob', at: instant(at(2)) } }, 2, { kind: 'canceled' }],
    [
      'a cancel while it is being created',
      { ...creating, cancel: { by: 'bob', at: instant(at(2)) } },
      2,
      { kind: 'canceled' },
    ],
    ['startSeconds', run, 60, { kind: 'startTimeout' }],
    ['startSeconds while it is being created', creating, 60, { kind: 'startTimeout' }],
    ['totalSeconds', run, 1000, { kind: 'totalTimeout' }],
  ] as const)('%s takes the fence without asking the platform', (_, each, seconds, why) => {
    expect(next(each, {}, seconds)).toEqual({
      do: 'takeFence',
      fence: { by: 'orchestrator', why, message: expect.any(String), at: instant(at(seconds)) },
    });
  });

  test('a start time-out says what was last seen', () => {
    expect(next(run, {}, 60)).toMatchObject({ fence: { message: expect.stringContaining('last seen: pulling') } });
    expect(next(creating, {}, 60)).toMatchObject({ fence: { message: expect.not.stringContaining('last seen') } });
  });

  test('is left to its creator as long as the lease lasts, and no longer', () => {
    expect(next(creating, {}, 1)).toEqual({ do: 'wait', until: at(15) });
    expect(next(creating, {}, 15)).toEqual({ do: 'observe' });
    expect(next(run, {}, 1)).toEqual({ do: 'observe' });
    const long = starting({ definition, attempts: [attempt({ lease: { by: 'one', until: instant(at(70)) } })] });
    expect(next(long, {}, 50)).toEqual({ do: 'wait', until: at(60) });
  });

  test.each([
    ['absent', { state: 'absent' }, { kind: 'notCreated' }],
    ['created and not started', { state: 'created', since: instant(at(1)) }, { kind: 'notCreated' }],
    ['foreign', { state: 'foreign' }, { kind: 'startFailed', reason: 'nameConflict', permanent: true }],
    [
      'exited',
      { state: 'exited', exitCode: 0, oomKilled: false, tail: 'no sh' },
      { kind: 'startFailed', reason: 'exitedEarly', permanent: false },
    ],
  ] as const)('a container that is %s: whoever looks takes the fence', (_, container, why) => {
    expect(next(run, { container }, 2)).toMatchObject({ do: 'takeFence', fence: { why } });
  });

  test('a platform that refuses, has no room or is still at it says so', () => {
    const refused: Observation = {
      state: 'refused',
      reason: 'imageUnavailable',
      permanent: true,
      message: 'no such image',
    };
    expect(next(run, { container: refused }, 2)).toMatchObject({
      do: 'takeFence',
      fence: { why: { kind: 'startFailed', reason: 'imageUnavailable', permanent: true }, message: 'no such image' },
    });
    const placed = starting({ definition, attempts: [{ ...created, region: 'here' }] });
    const full: Observation = { state: 'noCapacity', message: 'full', retryAfterMs: 9 };
    expect(next(placed, { container: full }, 2)).toMatchObject({
      do: 'takeFence',
      fence: { why: { kind: 'noCapacity', place: 'here', retryAfterMs: 9 }, message: 'full' },
    });
    const pending: Observation = { state: 'pending', phase: 'pulling' };
    expect(next(run, { container: pending }, 2)).toEqual({ do: 'wait', until: at(2) + look, phase: 'pulling' });
    for (const container of [refused, full, pending])
      expect(next(running({ definition }), { container }, 10)).toMatchObject({ do: 'wait' });
  });

  test('a container that ended early is quoted', () => {
    const container: Observation = { state: 'exited', exitCode: 127, oomKilled: false, tail: 'sh: not found' };
    expect(next(run, { container }, 2)).toMatchObject({
      fence: { message: expect.stringMatching(/127.*: sh: not found/) },
    });
    expect(next(run, { container: { ...container, tail: '' } }, 2)).toMatchObject({
      fence: { message: expect.not.stringContaining(': ') },
    });
  });

  test('a container that runs, or a platform that does not answer, proves nothing', () => {
    expect(next(run, { container: { state: 'running' } }, 2)).toEqual({ do: 'wait', until: at(2) + look });
    expect(next(run, { container: { state: 'running' } }, 50)).toEqual({ do: 'wait', until: at(60) });
    expect(next(run, { container: 'unreachable' }, 2)).toEqual({ do: 'wait', until: at(2) + look, stale: true });
    expect(next(run, { container: 'unreachable' }, 50)).toEqual({ do: 'wait', until: at(60), stale: true });
  });
});

describe('running', () => {
  const run = running({ definition });
  const mark = { cause: 'cancel', at: instant(at(5)) } as const;
  const alive: Observation = { state: 'running' };
  const deadline = 1 + 200 + 5 + policy.marginMs / 1000;

  test('a result settles it, whatever the time, the container and the stop', () => {
    const given = result({ exitCode: 3 });
    for (const each of [run, { ...run, stop: mark }])
      for (const container of [undefined, alive, { state: 'absent' } as const])
        expect(next(each, { result: given, ...(container && { container }) }, 5000)).toEqual({
          do: 'settle',
          result: given,
        });
  });

  test('is stopped when runSeconds, grace and margin are over, and when totalSeconds is', () => {
    expect(next(run, { container: alive }, deadline - 1)).toMatchObject({ do: 'wait', until: at(deadline) });
    expect(next(run, { container: alive }, deadline)).toEqual({
      do: 'apply',
      event: { type: 'stopRequested', cause: 'runTimeout', at: at(deadline) },
    });
    expect(next(run, {}, 1000)).toEqual({
      do: 'apply',
      event: { type: 'stopRequested', cause: 'totalTimeout', at: at(1000) },
    });
    expect(next({ ...run, stop: mark }, {}, 1000)).toEqual({ do: 'observe' });
  });

  test('looks at the container before it says anything else', () => {
    expect(next(run, {}, 10)).toEqual({ do: 'observe' });
    expect(next(run, { result: { invalid: 'no JSON' } }, 10)).toEqual({ do: 'observe' });
  });

  test.each([
    ['absent', { state: 'absent' }, {}, 'vanished', 'gone'],
    ['foreign', { state: 'foreign' }, {}, 'vanished', 'gone'],
    ['exited', { state: 'exited', exitCode: 0, oomKilled: false, tail: '' }, {}, 'noResult', 'exit code 0'],
    [
      'killed for memory',
      { state: 'exited', exitCode: 137, oomKilled: true, tail: '' },
      {},
      'outOfMemory',
      'memoryInGB',
    ],
    [
      'exited with a spoiled result',
      { state: 'exited', exitCode: 0, oomKilled: false, tail: '' },
      { result: { invalid: 'no JSON' } },
      'invalidResult',
      'no JSON',
    ],
  ] as const)('without a result and with a container that is %s it is lost', (_, container, seen, reason, message) => {
    expect(next(run, { ...seen, container }, 10)).toEqual({
      do: 'settle',
      lost: { reason, message: expect.stringContaining(message) },
    });
  });

  test('a container that runs, or a platform that does not answer, is looked at again', () => {
    expect(next(run, { container: alive }, 10)).toEqual({ do: 'wait', until: at(10) + look });
    expect(next(run, { container: alive, result: { invalid: 'half a file' } }, 10)).toMatchObject({ do: 'wait' });
    expect(next(run, { container: 'unreachable' }, 10)).toEqual({ do: 'wait', until: at(10) + look, stale: true });
    expect(next({ ...run, stop: mark }, { container: 'unreachable' }, 5000)).toEqual({
      do: 'wait',
      until: at(5000) + look,
      stale: true,
    });
  });

  test('a platform that says that it was never started is behind the fence, until a stop should have ended it', () => {
    const container: Observation = { state: 'created', since: instant(at(1)) };
    expect(next(run, { container }, 10)).toEqual({ do: 'wait', until: at(10) + look });
    expect(next({ ...run, stop: mark }, { container }, 10)).toEqual({ do: 'stop', graceSeconds: 5 });
    const sent = { ...run, stop: { ...mark, sentUntil: instant(at(25)) } };
    expect(next(sent, { container }, 24)).toEqual({ do: 'wait', until: at(25) });
    expect(next(sent, { container }, 25)).toMatchObject({
      do: 'settle',
      lost: { reason: 'noResult', message: expect.stringContaining('never started') },
    });
  });

  test('is stopped once, and again only when that should have ended it', () => {
    expect(next({ ...run, stop: mark }, { container: alive }, 10)).toEqual({ do: 'stop', graceSeconds: 5 });
    const sent = { ...run, stop: { ...mark, sentUntil: instant(at(25)) } };
    expect(next(sent, { container: alive }, 24)).toEqual({ do: 'wait', until: at(25) });
    expect(next(sent, { container: alive }, 25)).toEqual({ do: 'stop', graceSeconds: 5 });
  });
});

describe('ended', () => {
  const done = attempt({ fencedAt: instant(at(1)), endedAt: instant(at(2)), exitCode: 0 });
  const failed = { ...done, number: 2, exitCode: 1 };
  const slots = [{ key: 'task:Demo', limit: 1 }];

  test('containers go first, then slots, then it is closed', () => {
    const run = ended({ slots, attempts: [done] });
    expect(next(run, {}, 2)).toEqual({ do: 'removeContainer', attempt: done });
    const gone = { ...run, attempts: [{ ...done, containerGone: true }] };
    expect(next({ ...gone, slotTerm: 2, releaseTerm: 1 }, {}, 2)).toEqual({ do: 'releaseSlots', slots, term: 1 });
    expect(next({ ...gone, slotTerm: 2 }, {}, 2)).toEqual({ do: 'releaseSlots', slots, term: 2 });
    expect(next({ ...gone, slots: [] }, {}, 2)).toEqual({ do: 'close' });
    expect(next(ended({ attempts: [] }), {}, 2)).toEqual({ do: 'close' });
  });

  test('a container that is kept for a look goes when its time is over; the slots of its task do not wait for it, those of its room do', () => {
    const retention = { succeededSeconds: 50, failedSeconds: 80 };
    const room = [{ key: 'platform:docker', limit: 1 }];
    const run = ended({
      slots: [...slots, ...room],
      definition: definitionOf({ retention }),
      attempts: [done, failed],
    });
    expect(next(run, {}, 10)).toEqual({ do: 'releaseSlots', slots, term: 1 });
    const released = { ...run, slots: room };
    expect(next(released, {}, 10)).toEqual({ do: 'wait', until: at(52) });
    expect(next(released, {}, 52)).toEqual({ do: 'removeContainer', attempt: done });
    const one = { ...released, attempts: [{ ...done, containerGone: true }, failed] };
    expect(next(one, {}, 52)).toEqual({ do: 'wait', until: at(82) });
    expect(next(one, {}, 82)).toEqual({ do: 'removeContainer', attempt: failed });
  });

  test('what was left of an exchange is tried again when slots are given back and everybody is told', () => {
    const left = { ...done, containerGone: true, clearAt: instant(at(30)) };
    const run = ended({ slots, attempts: [left] });
    expect(next(run, {}, 40)).toEqual({ do: 'releaseSlots', slots, term: 1 });
    const released = { ...run, slots: [] };
    const webhook = { number: 1, from: 'task', format: 'slack', target: 'x', attempts: 0 } as const;
    const untold = { ...released, webhooks: [{ ...webhook, state: 'pending' as const, dueAt: instant(at(2)) }] };
    expect(next(untold, {}, 40)).toEqual({ do: 'deliver' });
    expect(next(released, {}, 2)).toEqual({ do: 'wait', until: at(30) });
    expect(next(released, {}, 30)).toEqual({ do: 'removeContainer', attempt: left });
  });

  test('a container that never started anything is not kept', () => {
    const { fencedAt: _, exitCode: __, ...neverStarted } = done;
    const run = ended({
      state: 'failed',
      definition: definitionOf({ retention: { failedSeconds: 80 } }),
      attempts: [neverStarted],
    });
    expect(next(run, {}, 2)).toMatchObject({ do: 'removeContainer' });
  });
});
