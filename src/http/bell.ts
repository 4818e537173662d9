import type { Clock } from '../core/clock.ts';

/** Wakes one waiter. What rings while nobody waits is not lost. */
export interface Bell {
  ring(): void;
  /** Resolves when it has rung since the last wait, or after `ms`. */
  wait(ms: number): Promise<void>;
}

export function bell(clock: Pick<Clock, 'after'>): Bell {
  let rung = false;
  let wake = (): void => {};
  return {
    ring: () => {
      rung = true;
      wake();
    },
    wait: async (ms) => {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(ms, resolve);
          wake = () => {
            cancel();
            resolve();
          };
        });
      }
      rung = false;
      wake = () => {};
    },
  };
}
