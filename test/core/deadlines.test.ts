import { expect, test } from 'vitest';
import { instant } from '../../src/core/clock.ts';
import { queueDeadline, runDeadline, startDeadline, totalDeadline } from '../../src/core/deadlines.ts';
import { attempt, definitionOf, policy, queued, running, starting, t0 } from './support/records.ts';

test('waiting in the queue is counted from accepting', () => {
  expect(queueDeadline(queued({ definition: definitionOf({ timeouts: { queueSeconds: 7 } }) }))).toBe(t0 + 7000);
});

test('starting is counted from the opening of the attempt under way', () => {
  const attempts = [attempt(), attempt({ number: 2, openedAt: instant(t0 + 60_000) })];
  expect(startDeadline(starting({ attempts, definition: definitionOf({ timeouts: { startSeconds: 9 } }) }))).toBe(
    t0 + 69_000,
  );
});

test('running is counted from its start, and the runner gets its grace and a margin', () => {
  const definition = definitionOf({ timeouts: { runSeconds: 20, graceSeconds: 4 } });
  expect(runDeadline(running({ definition }), policy)).toBe(t0 + 1000 + 24_000 + policy.marginMs);
});

test('the whole: what is given, though it be less than the rest', () => {
  expect(totalDeadline(queued({ definition: definitionOf({ timeouts: { totalSeconds: 5 } }) }))).toBe(t0 + 5000);
});

test('the whole: 90,000 s where the limits add up to less', () => {
  const timeouts = { queueSeconds: 10, startSeconds: 10, runSeconds: 10, graceSeconds: 10 };
  expect(totalDeadline(queued({ definition: definitionOf({ timeouts }) }))).toBe(t0 + 90_000_000);
});

test('the whole: what the limits of all attempts and the waits between them add up to', () => {
  const definition = definitionOf({
    timeouts: { queueSeconds: 1000, startSeconds: 100, runSeconds: 100_000, graceSeconds: 10 },
    retry: { maxAttempts: 3, on: ['lost'], backoff: { maxSeconds: 60 } },
  });
  expect(totalDeadline(queued({ definition }))).toBe(t0 + (1000 + 3 * 100_110 + 2 * 60) * 1000);
});
