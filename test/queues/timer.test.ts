import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { timerQueue } from '../../src/queues/timer.ts';
import { wakeUpHeap } from '../../src/queues/wake-up-heap.ts';
import { workQueueConformance } from '../../src/testing/work-queue-conformance.ts';

workQueueConformance({ describe, test, expect }, 'timer', async () => {
  const queue = timerQueue({ clock: systemClock, logger: silentLogger });
  return { queue, now: systemClock.now, dispose: queue.close };
});

/** Time that moves only when the test says so. */
function heldClock() {
  let time = 0;
  const timers = new Map<number, { due: number; callback: () => void }>();
  let made = 0;
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    sleep: (ms) => new Promise((resolve) => clock.after(ms, resolve)),
    after(ms, callback) {
      const id = (made += 1);
      timers.set(id, { due: time + ms, callback });
      return () => void timers.delete(id);
    },
  };
  const advance = async (ms: number): Promise<void> => {
    time += ms;
    for (const [id, { due, callback }] of timers) {
      if (due > time || !timers.delete(id)) continue;
      callback();
    }
    // Lets the handlers that were called come to their end.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, advance, pending: () => timers.size };
}

describe('the timer queue', () => {
  test('has one timer, however many wait', async () => {
    const { clock, pending } = heldClock();
    const queue = timerQueue({ clock, logger: silentLogger });
    queue.consume(async () => {});
    for (let n = 0; n < 1000; n += 1) await queue.schedule({ runId: `${n}`, wakeId: 'w' }, 1000 + (n % 7));
    expect(pending()).toBe(1);
    await queue.close();
    expect(pending()).toBe(0);
  });

  test('bounds the handlers at once, and starts the next as one ends', async () => {
    const { clock } = heldClock();
    const queue = timerQueue({ clock, logger: silentLogger, concurrency: 3 });
    const running: (() => void)[] = [];
    queue.consume(() => new Promise((resolve) => void running.push(resolve)));
    for (let n = 0; n < 10; n += 1) await queue.schedule({ runId: `${n}`, wakeId: 'w' }, 0);
    expect(running).toHaveLength(3);
    running[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(running).toHaveLength(4);
    // Ends those that were started, and starts no other.
    const closing = queue.close();
    for (const end of running) end();
    await closing;
    expect(running).toHaveLength(4);
  });

  test('tries a failing wake-up again after 1, 2, 4 … and at most 60 seconds, and says so', async () => {
    const { clock, advance } = heldClock();
    const delays: unknown[] = [];
    const logger = {
      ...silentLogger,
      warn: (details: object) => void delays.push('delay' in details && details.delay),
    };
    const queue = timerQueue({ clock, logger });
    let calls = 0;
    queue.consume(async () => {
      calls += 1;
      throw new Error('never');
    });
    await queue.schedule({ runId: 'r', wakeId: 'w' }, 0);
    await advance(0);
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      const before = calls;
      await advance(seconds * 1000 - 1);
      expect(calls).toBe(before);
      await advance(1);
      expect(calls).toBe(before + 1);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000));
    await queue.close();
  });

  test('notices within a minute that the wall clock was set forward', async () => {
    const { clock, advance } = heldClock();
    let jumped = 0;
    const jumping: Clock = { ...clock, now: () => clock.now() + jumped };
    const queue = timerQueue({ clock: jumping, logger: silentLogger });
    let calls = 0;
    queue.consume(async () => void (calls += 1));
    await queue.schedule({ runId: 'r', wakeId: 'w' }, 3_600_000);
    jumped = 3_600_000;
    await advance(60_000);
    expect(calls).toBe(1);
    await queue.close();
  });

  test('aborts handlers that outlast its patience', async () => {
    const { clock, advance } = heldClock();
    const queue = timerQueue({ clock, logger: silentLogger, patienceMs: 500 });
    let isAborted = false;
    queue.consume(
      (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            isAborted = true;
            resolve();
          });
        }),
    );
    await queue.schedule({ runId: 'r', wakeId: 'w' }, 0);
    const closing = queue.close();
    await advance(499);
    expect(isAborted).toBe(false);
    await advance(1);
    await closing;
    expect(isAborted).toBe(true);
  });
});

test('the heap gives the soonest first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (times) => {
      const heap = wakeUpHeap();
      for (const at of times) heap.push({ wakeUp: { runId: 'r', wakeId: 'w' }, at, failures: 0 });
      const out: number[] = [];
      for (let next = heap.pop(); next !== undefined; next = heap.pop()) out.push(next.at);
      expect(out).toEqual(times.toSorted((a, b) => a - b));
    }),
  );
});
