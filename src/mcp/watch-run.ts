import { isTerminal, type RunView } from '../contract/run.ts';
import { lookEvery } from '../core/clock.ts';
import type { Call } from './call.ts';
import { logRelay } from './log-relay.ts';
import { runSentence } from './run-result.ts';

/** Between two looks at what has no event: the phases of a start, the place in a queue. In milliseconds. */
const tickMs = 5_000;

/** Stays with a run to its end, or for so many seconds, and tells the caller what happens. Resolves with the run as it then is. */
export async function watchRun(
  run: RunView,
  call: Call,
  { seconds, withLog }: { seconds: number; withLog: boolean },
): Promise<RunView> {
  const { errand, clock, waiting, signal } = call;
  const over = new AbortController();
  const stopTimer = clock.after(seconds * 1000, () => over.abort());
  const until = AbortSignal.any([waiting, over.signal]);
  const relay = logRelay((given) => call.log(run.id, run.taskName, given), clock);
  let latest = run;
  const see = (seen: RunView): void => {
    latest = seen;
    call.progress(runSentence(seen));
  };
  const stopTicking = lookEvery(
    clock,
    tickMs,
    () => errand.get(run.id),
    (seen) => {
      if (!isTerminal(seen.state)) see(seen);
    },
  );
  try {
    see(run);
    if (!withLog) return await errand.wait(run.id, { signal: until });
    for await (const event of errand.events(run.id, { signal: until })) {
      if (event.event === 'log') relay.push(event);
      else if (event.event === 'attempt' && event.attempt > 1)
        call.progress(`${run.taskName}: attempt ${event.attempt}`);
      else if (event.event === 'state' && !isTerminal(event.state) && event.state !== latest.state)
        see({ ...latest, state: event.state });
    }
    return await errand.get(run.id, { signal });
  } catch (error) {
    if (!until.aborted) throw error;
    return waiting.aborted ? latest : await errand.get(run.id, { signal });
  } finally {
    stopTimer();
    stopTicking();
    relay.end();
  }
}
