import { describe, expect, test } from 'vitest';
import { runSchema } from '../../src/contract/run.ts';
import { instant } from '../../src/core/clock.ts';
import { isEnded, toView } from '../../src/core/view.ts';
import { attempt, collected, ended, oneOfEach, queued, running, t0 } from './support/records.ts';

describe('a view', () => {
  test.each(oneOfEach().map((run) => [run.state, run] as const))(
    'of a run that is %s is what the contract says, and no more',
    (_, run) => {
      const view = toView(run);
      expect(runSchema.strict().parse(view)).toEqual(view);
    },
  );

  test('has nothing that is not meant for callers', () => {
    const text = JSON.stringify(toView(running({ idempotencyKey: 'hashed-key', slots: [{ key: 'slot', limit: 1 }] })));
    for (const inner of ['secrets', 'lease', 'operationId', 'wakeId', 'wakeAt', 'hashed-key', 'slots'])
      expect(text).not.toContain(inner);
  });

  test('says why a run waits, how many are before it and until when', () => {
    const waiting = { reason: 'concurrency', message: 'two under way', slot: 'task:Demo', until: instant(t0) } as const;
    expect(toView(queued({ waiting }), 2).waiting).toEqual({
      reason: 'concurrency',
      message: 'two under way',
      position: 2,
      until: instant(t0),
    });
    expect(toView(queued({ waiting: { reason: 'backoff', message: 'later' } })).waiting).toEqual({
      reason: 'backoff',
      message: 'later',
    });
    expect(toView(queued())).not.toHaveProperty('waiting');
  });

  test('says how it ended, and shows the log of the last attempt', () => {
    const run = ended({
      startedAt: instant(t0 + 1000),
      exitCode: 0,
      output: { a: 1 },
      files: [{ name: 'f', bytes: 1, sha256: 'c' }],
      attempts: [attempt({ log: { ...collected.log, lines: 9 } }), attempt({ number: 2, log: collected.log })],
      resolution: { outcome: 'failed', note: 'seen', by: 'ann', at: instant(t0) },
      cancel: { by: 'bob', at: instant(t0) },
      rerunOf: 'earlier',
    });
    expect(toView(run)).toMatchObject({
      startedAt: instant(t0 + 1000),
      endedAt: instant(t0 + 2000),
      reason: 'completed',
      message: 'exit code 0',
      exitCode: 0,
      output: { a: 1 },
      files: [{ name: 'f' }],
      log: collected.log,
      resolution: { note: 'seen' },
      cancel: { by: 'bob' },
      rerunOf: 'earlier',
    });
    expect(toView(ended({ outputProblem: 'too large' }))).toMatchObject({ outputProblem: 'too large' });
  });

  test('says when the platform does not answer', () => {
    expect(toView(running()).stale).toBe(false);
    expect(toView(running({ staleSince: instant(t0) })).stale).toBe(true);
  });

  test('keeps the values of parameters, and of secrets only the names', () => {
    const parameters = [
      { name: 'VM', value: 'a', secret: false },
      { name: 'Token', secret: true },
    ];
    expect(toView(queued({ parameters })).parameters).toEqual(parameters);
  });
});

test('the six terminal states are ends', () => {
  expect(
    oneOfEach()
      .filter(isEnded)
      .map(({ state }) => state),
  ).toEqual(['succeeded', 'failed', 'timedOut', 'canceled', 'expired', 'lost']);
});
