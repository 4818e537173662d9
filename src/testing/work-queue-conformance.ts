import { systemClock } from '../core/clock.ts';
import type { WakeUp, WorkQueue } from '../core/ports/work-queue.ts';
import { withFresh, type TestApi } from './test-api.ts';

export interface WorkQueueHarness {
  queue: WorkQueue;
  /** The clock that the queue keeps to, in milliseconds since the epoch. */
  now(): number;
  dispose(): Promise<void>;
}

/** What every work queue has to keep; the contract is the port's. */
export function workQueueConformance(
  { describe, test, expect }: TestApi,
  name: string,
  makeHarness: () => Promise<WorkQueueHarness>,
): void {
  const fresh = withFresh(makeHarness);
  const wakeUp = (number: number): WakeUp => ({ runId: `run-${number}`, wakeId: `wake-${number}` });
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await systemClock.sleep(5);
  };

  describe(`${name} as a work queue`, () => {
    test(
      'delivers what was scheduled before and after it is consumed, never before its time',
      fresh(async ({ queue, now }) => {
        const start = now();
        const due = new Map<string, number>();
        const early: string[] = [];
        const delivered = new Set<string>();
        const schedule = async (number: number, delay: number): Promise<void> => {
          due.set(`run-${number}`, start + delay);
          await queue.schedule(wakeUp(number), start + delay);
        };
        for (const [number, delay] of [300, 0, 120, -1_000, 60].entries()) await schedule(number, delay);
        queue.consume(async ({ runId, wakeId }) => {
          expect(wakeId).toBe(runId.replace('run', 'wake'));
          if (now() < (due.get(runId) ?? 0)) early.push(runId);
          delivered.add(runId);
        });
        await schedule(5, 30);
        await schedule(6, 0);
        await until(() => delivered.size === 7);
        expect(early).toEqual([]);
      }),
    );

    test(
      'keeps every wake-up of one run',
      fresh(async ({ queue, now }) => {
        const delivered = new Set<string>();
        queue.consume(async ({ wakeId }) => void delivered.add(wakeId));
        for (const [index, delay] of [80, 20, 50].entries()) {
          await queue.schedule({ runId: 'run', wakeId: `${index}` }, now() + delay);
        }
        await until(() => delivered.size === 3);
      }),
    );

    test(
      'works on several at a time',
      fresh(async ({ queue, now }) => {
        const meeting: (() => void)[] = [];
        queue.consume(
          () =>
            new Promise<void>((resolve) => {
              meeting.push(resolve);
              if (meeting.length === 4) for (const go of meeting) go();
            }),
        );
        for (let number = 0; number < 4; number += 1) await queue.schedule(wakeUp(number), now());
        await until(() => meeting.length === 4);
      }),
    );

    test(
      'gives a wake-up again whose handler threw',
      fresh(async ({ queue, now }) => {
        const calls: string[] = [];
        queue.consume(async ({ runId }) => {
          calls.push(runId);
          if (calls.filter((call) => call === 'run-1').length === 1) throw new Error('not this time');
        });
        await queue.schedule(wakeUp(1), now());
        await until(() => calls.length >= 2);
        expect(new Set(calls)).toEqual(new Set(['run-1']));
      }),
    );

    test(
      'ends with its handlers, and takes no further wake-up',
      fresh(async ({ queue, now }) => {
        const events: string[] = [];
        queue.consume(async ({ runId }) => {
          events.push(`${runId} begins`);
          await systemClock.sleep(100);
          events.push(`${runId} ends`);
        });
        await queue.schedule(wakeUp(1), now());
        await queue.schedule(wakeUp(2), now() + 60);
        await until(() => events.length > 0);
        await queue.close();
        expect(events).toEqual(['run-1 begins', 'run-1 ends']);
        await systemClock.sleep(100);
        expect(events).toHaveLength(2);
        await queue.close();
      }),
    );
  });
}
