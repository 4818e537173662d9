import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { priceListSchema, type PriceList } from '../../src/contract/cost.ts';
import { taskDefinitionSchema } from '../../src/contract/task-definition.ts';
import { listPrices, quote, receipt, secondsFor, withReceipt } from '../../src/core/cost.ts';
import type { AttemptRecord } from '../../src/core/run-record.ts';
import { amountText } from '../../src/entry/terminal/amount-text.ts';
import { sampleRun } from '../../src/testing/sample-run.ts';

const prices: PriceList = {
  platform: 'azure-container-instances',
  currency: 'EUR',
  perCpuSecond: 0.01,
  perGBSecond: 0.001,
  asOf: '2026-01-01',
  source: 'https://prices.example',
};

const task = (more: object = {}) =>
  taskDefinitionSchema.parse({
    taskName: 'Task',
    dockerImage: 'image',
    scriptName: 'task.sh',
    resources: { cpu: 2, memoryInGB: 4 },
    timeouts: { startSeconds: 60, runSeconds: 100, graceSeconds: 10 },
    ...more,
  });

/** Of 2 CPUs and 4 GB. */
const second = 0.024;

describe('a quote', () => {
  test('says what a minute costs, and the most that all attempts can', () => {
    expect(quote(task(), prices)).toEqual({
      currency: 'EUR',
      perMinute: 1.44,
      atMost: 170 * second,
      prices: { asOf: '2026-01-01', source: 'https://prices.example' },
    });
    expect(quote(task({ retry: { maxAttempts: 3 } }), prices).atMost).toBeCloseTo(3 * 170 * second);
  });
});

const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();

function attempt(changes: Partial<AttemptRecord>): AttemptRecord {
  return {
    number: 1,
    containerName: 'c',
    platform: 'azure-container-instances',
    openedAt: at(0),
    lease: { by: 'x', until: at(0) },
    counted: true,
    containerGone: true,
    ...changes,
  };
}

describe('a receipt', () => {
  const of = (...attempts: AttemptRecord[]) => receipt({ attempts, definition: task() }, prices);

  test('counts whole seconds from the create to the end, of all attempts', () => {
    expect(of(attempt({ createdAt: at(2), endedAt: at(12.2) }))).toMatchObject({
      amount: 11 * second,
      cpuSeconds: 22,
      gbSeconds: 44,
    });
    expect(
      of(attempt({ createdAt: at(0), endedAt: at(5) }), attempt({ number: 2, createdAt: at(10), endedAt: at(20) })),
    ).toMatchObject({ amount: 15 * second });
  });

  test.each([
    ['was never created', { endedAt: at(5) }],
    ['goes on', { createdAt: at(1) }],
    ['found no room', { createdAt: at(1), endedAt: at(9), reason: 'noCapacity' as const }],
    ['had no image', { createdAt: at(1), endedAt: at(9), reason: 'imageUnavailable' as const }],
    ['ended before it was created, by the clocks of two machines', { createdAt: at(9), endedAt: at(8) }],
  ])('an attempt that %s costs nothing', (_, changes) => {
    expect(of(attempt(changes))).toMatchObject({ amount: 0 });
  });

  test('there is none where the platform has no price', () => {
    expect(of(attempt({ platform: 'docker', createdAt: at(0), endedAt: at(9) }))).toBeUndefined();
    const run = { ...sampleRun(1), attempts: [attempt({ createdAt: at(0), endedAt: at(9) })] };
    expect(withReceipt(run, undefined)).toBe(run);
    expect(withReceipt(run, prices).cost).toBeDefined();
    const underWay = { ...run, attempts: [attempt({ createdAt: at(0) })] };
    expect(withReceipt(underWay, prices)).toBe(underWay);
  });
});

describe('maxCost', () => {
  test('becomes a time limit, and never a longer one', () => {
    expect(secondsFor(100 * second, task(), prices)).toEqual({ limit: { runSeconds: 30 } });
    expect(secondsFor(1000, task(), prices)).toEqual({ limit: { runSeconds: 100 } });
    expect(secondsFor(300 * second, task({ retry: { maxAttempts: 3 } }), prices)).toEqual({
      limit: { runSeconds: 30 },
    });
  });

  test('the run that it allows costs no more by its quote', () => {
    for (const maxCost of [1.9, 2, 2.5, 3.3333, 4]) {
      const limited = secondsFor(maxCost, task(), prices);
      const runSeconds = 'limit' in limited ? limited.limit.runSeconds : 0;
      const { timeouts } = task();
      expect(quote({ ...task(), timeouts: { ...timeouts, runSeconds } }, prices).atMost).toBeLessThanOrEqual(maxCost);
    }
  });

  test('is refused where it leaves no time, with the least that would do', () => {
    const refused = secondsFor(70 * second, task(), prices);
    expect(refused).toMatchObject({
      problem: { path: '/maxCost', code: 'tooSmall', allowed: { minimum: 71 * second } },
    });
    expect(secondsFor(71 * second, task(), prices)).toEqual({ limit: { runSeconds: 1 } });
    expect(secondsFor(1, task(), undefined)).toMatchObject({ problem: { path: '/maxCost', code: 'notAllowed' } });
  });
});

describe('the price list', () => {
  test('has a date and a source, and says whom to ask', () => {
    expect(listPrices).toMatchObject({ perCpuSecond: 0.0000135, perGBSecond: 0.0000015 });
    expect(priceListSchema.safeParse({ ...listPrices, asOf: 'lately' }).success).toBe(false);
    expect(readFileSync('docs/cost.md', 'utf8')).toContain(listPrices.source);
  });

  test.each([
    [0.0009, 'USD', '$0.0009'],
    [0.5, 'USD', '$0.50'],
    [1234, 'EUR', '1234.00 EUR'],
    [0.000015, 'USD', '$0.000015'],
  ])('%d %s is written %s', (amount, currency, text) => {
    expect(amountText(amount, { currency })).toBe(text);
  });
});
