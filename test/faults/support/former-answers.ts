import type { Observation } from '../../../src/core/ports/runner-driver.ts';

/** What a port or a service has answered before, by call. */
export interface FormerAnswers<T> {
  /** Two answers with the same text say the same; the answer as JSON unless given. */
  note(call: string, answer: T, text?: string): void;
  /** Whether there is an answer that is not the latest one. */
  has(call: string): boolean;
  take(call: string, coin: number): T | undefined;
}

const kept = 4;

/**
 * A platform or a store is behind by no more than that, in milliseconds. What removes things that nobody seems to want waits for longer (`sweepGraceMs`): it
 * goes by what it reads, without a compare-and-swap.
 */
const longestLagMs = 2_000;

export function formerAnswers<T = unknown>(port: string): FormerAnswers<T> {
  const answers = new Map<string, { text: string; answer: T; seenAt: number }[]>();
  const former = (call: string) =>
    (answers.get(call) ?? []).slice(0, -1).filter(({ seenAt }) => performance.now() - seenAt < longestLagMs);
  return {
    note: (call, answer, text = JSON.stringify(answer) ?? '') => {
      if (!mayReturn(port, call, answer)) return;
      const own = answers.get(call) ?? [];
      const others = own.at(-1)?.text === text ? own.slice(0, -1) : own;
      answers.set(call, [...others, { text, answer, seenAt: performance.now() }].slice(-kept));
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
