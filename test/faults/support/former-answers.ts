import type { Observation } from '../../../src/core/ports/runner-driver.ts';

/** What a port has answered before, by call. */
export interface FormerAnswers {
  note(call: string, answer: unknown): void;
  /** Whether there is an answer that is not the latest one. */
  has(call: string): boolean;
  take(call: string, coin: number): unknown;
}

const kept = 4;

export function formerAnswers(port: string): FormerAnswers {
  const answers = new Map<string, { text: string; answer: unknown }[]>();
  const former = (call: string) => (answers.get(call) ?? []).slice(0, -1);
  return {
    note: (call, answer) => {
      if (!mayReturn(port, call, answer)) return;
      const own = answers.get(call) ?? [];
      const text = JSON.stringify(answer) ?? '';
      if (own.at(-1)?.text !== text) answers.set(call, [...own, { text, answer }].slice(-kept));
    },
    has: (call) => former(call).length > 0,
    take: (call, coin) => {
      const own = former(call);
      return own[Math.floor(coin * own.length)]?.answer;
    },
  };
}

/**
 * Two answers are certainties by contract, and never stale. That a container is not there (or is another's): a platform that says so has looked. That
 * there is no record of a run: a wake-up without one is dropped for good.
 */
function mayReturn(port: string, call: string, answer: unknown): boolean {
  if (port === 'driver' && call.startsWith('observe ')) {
    const { state } = answer as Observation;
    return state !== 'absent' && state !== 'foreign';
  }
  return !(port === 'storage' && call.startsWith('getRun ') && answer === undefined);
}
