import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { instant } from '../../src/core/clock.ts';
import { backoffMs, retryAt, uncountedRetryAt, type RetryCause } from '../../src/core/retry.ts';
import { attempt, definitionOf, policy, running, t0 } from './support/records.ts';

const now = t0 + 10_000;
const backoff = { initialSeconds: 5, factor: 2, maxSeconds: 60 };
const everything = ['start', 'lost', 'exitCode', 'timeout'] as const;

function runWith(retry: object, changes: object = {}) {
  return running({
    definition: definitionOf({ retry: { maxAttempts: 3, on: [...everything], backoff, ...retry } }),
    ...changes,
  });
}

describe('another attempt', () => {
  const causes: RetryCause[] = [
    { kind: 'start' },
    { kind: 'lost' },
    { kind: 'timeout' },
    { kind: 'exitCode', exitCode: 3 },
  ];

  test.each(causes)('after $kind only where retry names it', (cause) => {
    expect(retryAt(runWith({ on: [cause.kind] }), cause, now, 1)).toBe(now + 5000);
    const others = everything.filter((kind) => kind !== cause.kind);
    expect(retryAt(runWith({ on: others }), cause, now, 1)).toBeUndefined();
  });

  test('after the exit codes that are listed, or after any where none is', () => {
    const exit = (exitCode: number): RetryCause => ({ kind: 'exitCode', exitCode });
    expect(retryAt(runWith({ exitCodes: [75] }), exit(75), now, 1)).toBeDefined();
    expect(retryAt(runWith({ exitCodes: [75] }), exit(74), now, 1)).toBeUndefined();
    expect(retryAt(runWith({ exitCodes: [75] }), { kind: 'lost' }, now, 1)).toBeDefined();
    expect(retryAt(runWith({}), exit(74), now, 1)).toBeDefined();
  });

  test('not after a cancel', () => {
    expect(retryAt(runWith({}, { cancel: { by: 'bob', at: instant(now) } }), { kind: 'lost' }, now, 1)).toBeUndefined();
    const run = runWith({}, { cancel: { by: 'bob', at: instant(now) }, attempts: [attempt({ counted: false })] });
    expect(uncountedRetryAt(run, now, policy)).toBeUndefined();
  });

  test('not after as many counted ones as are allowed; others do not count', () => {
    const counted = [attempt(), attempt({ number: 2 })];
    const uncounted = [attempt({ number: 3, counted: false }), attempt({ number: 4, counted: false })];
    const cause: RetryCause = { kind: 'lost' };
    expect(retryAt(runWith({}, { attempts: [...counted, ...uncounted] }), cause, now, 1)).toBe(now + 10_000);
    expect(retryAt(runWith({}, { attempts: [...counted, attempt({ number: 3 })] }), cause, now, 1)).toBeUndefined();
  });

  test('not where it would begin after totalSeconds', () => {
    const definition = definitionOf({
      retry: { maxAttempts: 3, on: ['lost'], backoff },
      timeouts: { totalSeconds: 100, runSeconds: 50 },
    });
    const end = t0 + 100_000;
    expect(retryAt(running({ definition }), { kind: 'lost' }, end - 5001, 1)).toBe(end - 1);
    expect(retryAt(running({ definition }), { kind: 'lost' }, end - 5000, 1)).toBeUndefined();
  });
});

describe('after attempts under which nothing started', () => {
  test.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [4, 8000],
  ])('%i of them: %i ms', (count, delay) => {
    const attempts = Array.from({ length: count }, (_, index) => attempt({ number: index + 1, counted: false }));
    expect(uncountedRetryAt(running({ attempts }), now, policy)).toBe(now + delay);
  });

  test('five of them are enough', () => {
    const attempts = Array.from({ length: 5 }, (_, index) => attempt({ number: index + 1, counted: false }));
    expect(uncountedRetryAt(running({ attempts }), now, policy)).toBeUndefined();
  });
});

describe('the time between attempts', () => {
  test.each([
    [1, 0, 2500],
    [1, 1, 5000],
    [2, 1, 10_000],
    [4, 1, 40_000],
    [5, 1, 60_000],
    [20, 0, 30_000],
    [0, 1, 5000],
  ])('after %i, drawn %d: %i ms', (made, random, expected) => {
    expect(backoffMs(backoff, made, random)).toBe(expected);
  });

  test('is nothing where it begins with nothing, however many attempts were made', () => {
    expect(backoffMs({ initialSeconds: 0, factor: 10, maxSeconds: 60 }, 400, 0.5)).toBe(0);
  });

  test('is never more than maxSeconds and never less than half of what is due', () => {
    fc.assert(
      fc.property(
        fc.record({
          initialSeconds: fc.double({ min: 0, max: 86_400, noNaN: true }),
          factor: fc.double({ min: 1, max: 10, noNaN: true }),
          maxSeconds: fc.double({ min: 0, max: 86_400, noNaN: true }),
        }),
        fc.integer({ min: 0, max: 400 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (given, made, random) => {
          const ms = backoffMs(given, made, random);
          expect(ms).toBeLessThanOrEqual(Math.round(given.maxSeconds * 1000));
          expect(ms).toBeGreaterThanOrEqual(Math.floor(Math.min(given.initialSeconds, given.maxSeconds) * 500));
          expect(Number.isSafeInteger(ms)).toBe(true);
        },
      ),
    );
  });
});
