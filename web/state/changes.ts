import { useEffect, useRef } from 'preact/hooks';
import { ErrandApiError } from '../../src/client/errors.ts';
import type { RunChange } from '../../src/contract/overview.ts';
import { currentClient, onSession } from './session.ts';
import { store } from './store.ts';
import { after } from './time.ts';

/** `paused`: nobody looks at the page. `refused`: the key may not follow runs. */
export const liveness = store<'connecting' | 'live' | 'paused' | 'refused'>('connecting');

/** Undefined: anything may have changed. */
type Listener = (change: RunChange | undefined) => void;

const listeners = new Set<Listener>();
const againMs = 5_000;
/** Between two readings of one thing, however much of it changes. */
const defaultLeastMs = 1_000;
/** What changes together is read together. */
const togetherMs = 150;

let connection: AbortController | undefined;

/** One stream for the whole page: while somebody looks at it, and something on it wants to know. */
function connect(): void {
  const wanted = listeners.size > 0 && !document.hidden;
  if (!wanted) {
    connection?.abort();
    connection = undefined;
    liveness.set(document.hidden ? 'paused' : 'connecting');
  } else if (connection === undefined) {
    connection = new AbortController();
    liveness.set('connecting');
    void listen(connection.signal);
  }
}

async function listen(signal: AbortSignal): Promise<void> {
  try {
    for await (const event of currentClient().changes({ signal })) {
      if (event.event === 'open') liveness.set('live');
      for (const listener of listeners) listener(event.event === 'change' ? event.change : undefined);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ErrandApiError && error.status < 500) {
      liveness.set('refused');
      return;
    }
    // Whatever the reason, whoever reads the page sees it in what could not be read; the stream is only tried again.
    liveness.set('connecting');
    after(againMs, () => {
      if (!signal.aborted) void listen(signal);
    });
  }
}

/** Starts to keep the page up to date. Hidden, it is told nothing; seen again, it reads everything anew. */
export function startChanges(): void {
  document.addEventListener('visibilitychange', connect);
  onSession(() => {
    connection?.abort();
    connection = undefined;
    connect();
  });
}

/** Calls `reload` soon after something has changed that `wants` says yes to, and not again within `leastMs`. */
export function useReload(
  reload: () => void,
  wants: (change: RunChange) => boolean = () => true,
  leastMs = defaultLeastMs,
): void {
  const latest = useRef({ reload, wants });
  latest.current = { reload, wants };
  useEffect(() => {
    let last = -leastMs;
    let cancel: (() => void) | undefined;
    const listener: Listener = (change) => {
      if (cancel !== undefined || (change !== undefined && !latest.current.wants(change))) return;
      cancel = after(Math.max(togetherMs, last + leastMs - performance.now()), () => {
        cancel = undefined;
        // Once somebody looks again, everything is read anew.
        if (document.hidden) return;
        last = performance.now();
        latest.current.reload();
      });
    };
    listeners.add(listener);
    connect();
    return () => {
      cancel?.();
      listeners.delete(listener);
      connect();
    };
  }, []);
}
