import type { RunChange } from '../contract/overview.ts';
import type { Clock } from '../core/clock.ts';
import type { Orchestrator } from '../core/orchestrator.ts';
import type { AppOptions } from './app-options.ts';
import { maySee } from './auth.ts';
import { bell } from './bell.ts';
import { eventHead, eventResponse, eventText, quietText } from './event-response.ts';
import type { Handlers } from './handlers.ts';
import { query } from './query.ts';

type ChangeEvent = { event: 'open' } | { event: 'change'; change: RunChange } | { event: 'quiet' };

/** Changes that wait for a reader who is slow; where there are more, it has to read everything again. */
const mostWaiting = 1_000;

export function changeHandlers(options: AppOptions): Handlers<'changes'> {
  const { orchestrator, clock } = options;
  return {
    changes: async (c) => {
      query(c).done();
      if (c.req.method === 'HEAD') return eventHead();
      const principal = c.get('principal');
      // Before anything is answered: where storage cannot be read, that is the answer.
      const { events, stop } = await listening(orchestrator, clock, ({ taskName }) => maySee(principal, taskName));
      return eventResponse(c, options, {
        events,
        toText: (event) => {
          if (event.event === 'quiet') return quietText;
          return event.event === 'open' ? eventText('open', {}) : eventText('change', event.change);
        },
        isLast: () => false,
        details: { stream: 'changes' },
        onEnd: stop,
      });
    },
  };
}

/** Of several changes of one run the last is enough. The events end with the signal. */
async function listening(
  orchestrator: Pick<Orchestrator, 'listen'>,
  clock: Clock,
  wants: (change: RunChange) => boolean,
): Promise<{
  events(signal: AbortSignal, heartbeatMs: number): AsyncGenerator<ChangeEvent, void, undefined>;
  stop(): void;
}> {
  const waiting = new Map<string, RunChange>();
  const bellOfReader = bell(clock);
  let tooMany = false;
  const stop = await orchestrator.listen((changes) => {
    for (const change of changes) if (wants(change)) waiting.set(change.id, change);
    if (waiting.size > mostWaiting) {
      waiting.clear();
      tooMany = true;
    }
    if (tooMany || waiting.size > 0) bellOfReader.ring();
  });

  async function* events(signal: AbortSignal, heartbeatMs: number): AsyncGenerator<ChangeEvent, void, undefined> {
    signal.addEventListener('abort', bellOfReader.ring, { once: true });
    yield { event: 'open' };
    let lastSign = clock.monotonic();
    while (!signal.aborted) {
      await bellOfReader.wait(heartbeatMs);
      if (tooMany) {
        tooMany = false;
        yield { event: 'open' };
      }
      for (const [id, change] of waiting) {
        waiting.delete(id);
        lastSign = clock.monotonic();
        yield { event: 'change', change };
      }
      if (clock.monotonic() - lastSign >= heartbeatMs) {
        lastSign = clock.monotonic();
        yield { event: 'quiet' };
      }
    }
  }

  return { events, stop };
}
