import { instant } from '../../core/clock.ts';
import type { Context } from '../../core/context.ts';
import type { WakeUp } from '../../core/ports/work-queue.ts';

/** Sweeps that follow one another by messages in the work queue, as long as runs are open. */
export interface SweepChain {
  /** Starts one where runs are open and none goes on. */
  ensure(): Promise<void>;
  isOne(wakeUp: WakeUp): boolean;
  /** Sweeps, and sends the next message or ends. Throws where it could not: bring the message again. */
  go(wakeUp: WakeUp): Promise<void>;
}

/** The `wakeId` of its messages; their `runId` names the chain. */
const sweepMark = 'sweep';
/** The timer of the function app comes once an hour. */
const timerMs = 3_600_000;
const slot = { key: 'sweep', limit: 1 } as const;

/**
 * There is one chain at a time: whoever holds the slot `sweep`. A chain whose message was lost holds it no longer than the sweep lets any slot be
 * held that nobody is behind, and the hourly timer sees to that.
 */
export function sweepChain(
  { storage, queue, clock, policy, newId }: Context,
  sweep: () => Promise<unknown>,
): SweepChain {
  async function send(chain: string): Promise<void> {
    await queue.schedule({ runId: chain, wakeId: sweepMark }, clock.now() + policy.sweepEveryMs);
  }

  async function holdsSlot(chain: string): Promise<boolean> {
    const { held } = await storage.takeSlot({ ...slot, holder: chain, at: instant(clock.now()) });
    // Nobody waits for it: a second chain is one too many.
    if (!held) await storage.releaseSlot(slot.key, chain);
    return held;
  }

  /** Open, and to be looked at before the timer comes: who waits until tomorrow to tell a receiver once more needs no sweep meanwhile. */
  async function someAreOpen(): Promise<boolean> {
    return (await storage.openRuns({ dueBefore: instant(clock.now() + timerMs), limit: 1 })).length > 0;
  }

  async function ensure(): Promise<void> {
    // Looking costs less than writing, and mostly one is there.
    if ((await storage.slotQueue(slot.key)).length > 0 || !(await someAreOpen())) return;
    const chain = newId();
    if (await holdsSlot(chain)) await send(chain);
  }

  return {
    ensure,
    isOne: ({ wakeId }) => wakeId === sweepMark,
    go: async ({ runId: chain }) => {
      if (!(await holdsSlot(chain))) return;
      await sweep();
      // The sweep may have taken the slot from us, as from anybody who has no run.
      if (await someAreOpen()) {
        if (await holdsSlot(chain)) await send(chain);
        return;
      }
      await storage.releaseSlot(slot.key, chain);
      // A run that was accepted before that has seen us and relied on us.
      await ensure();
    },
  };
}
