import type { Clock } from '../../core/clock.ts';
import { fail, messageOf, ok, warn, type Said, type Step } from './finding.ts';

/** Somebody who tells the time: text that `Date.parse` reads, undefined where the answer has none. */
export interface TimeTeller {
  name: string;
  /** The skew in milliseconds with which it refuses us. */
  refusesAfterMs?: number;
  ask(signal: AbortSignal): Promise<string | undefined>;
}

/** Deadlines have a margin of ten seconds, and a `Date` header is cut to the second: less than this is no trouble. */
const worthSayingMs = 60_000;
const mend = 'Let a time service set the clock of this machine ("timedatectl set-ntp true"), or that of the other.';

/** Compares our clock with that of whoever answers us. */
export function clockStep(tellers: readonly TimeTeller[], clock: Clock): Step {
  return {
    name: 'clock',
    look: async (signal) => {
      const said = await Promise.all(tellers.map((teller) => compare(teller, clock, signal)));
      return said.some(({ level }) => level !== 'ok')
        ? said.filter(({ level }) => level !== 'ok')
        : [ok(said.map(({ what }) => what).join('; '))];
    },
  };
}

async function compare(teller: TimeTeller, clock: Clock, signal: AbortSignal): Promise<Said> {
  const before = clock.now();
  let text: string | undefined;
  try {
    text = await teller.ask(signal);
  } catch (error) {
    return warn(`${teller.name} did not tell the time (${messageOf(error)})`);
  }
  const theirs = Date.parse(text ?? '');
  if (Number.isNaN(theirs)) return warn(`${teller.name} did not tell the time`);
  return skewSaid(teller, theirs - (before + clock.now()) / 2);
}

/** `skewMs`: how far they are ahead of us. */
export function skewSaid({ name, refusesAfterMs }: Omit<TimeTeller, 'ask'>, skewMs: number): Said {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const what = `${name} is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`;
  if (refusesAfterMs !== undefined && Math.abs(skewMs) > refusesAfterMs)
    return fail(`${what}, and refuses what is more than ${refusesAfterMs / 60_000} minutes off`, mend);
  if (Math.abs(skewMs) > worthSayingMs) return warn(what, mend);
  return ok(seconds < 2 ? `${name} agrees with this machine` : what);
}
