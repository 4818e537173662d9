import { useEffect, useRef, useState } from 'preact/hooks';
import type { Client } from '../../src/client/client.ts';
import { logLines, type LogLines } from '../text/log-lines.ts';
import { useClient } from './session.ts';

export interface FollowedLog {
  lines: LogLines;
  /** Grows with each look at the lines that is worth drawing. */
  revision: number;
  /** `ended`: nothing more comes. */
  state: 'reading' | 'ended';
  error: unknown;
}

/** Follows the log of one attempt while the page can be seen; seen again, it goes on where it stopped. */
export function useLog(id: string, attempt: number): FollowedLog {
  const client = useClient();
  const [revision, setRevision] = useState(0);
  const [ended, setEnded] = useState<{ error: unknown }>();
  const lines = useRef(logLines());

  useEffect(() => {
    lines.current = logLines();
    setEnded(undefined);
    setRevision((before) => before + 1);
    let frame = 0;
    const draw = (): void => {
      // However much comes, it is drawn once a frame.
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setRevision((before) => before + 1);
      });
    };
    let from: string | undefined;
    let stop: AbortController | undefined;
    let isDone = false;

    function done(error?: unknown): void {
      isDone = true;
      setEnded({ error });
      draw();
    }

    async function follow(signal: AbortSignal): Promise<void> {
      try {
        for await (const event of eventsOf(client, id, attempt, from, signal)) {
          if (signal.aborted) return;
          if ('attempt' in event && event.attempt > attempt) return done();
          if (event.event === 'end') return done();
          if (event.event !== 'log') continue;
          from = event.position;
          lines.current.append(event.text);
          draw();
        }
      } catch (error) {
        if (!signal.aborted) done(error);
      }
    }

    function look(): void {
      if (document.hidden) {
        stop?.abort();
        stop = undefined;
      } else if (stop === undefined && !isDone) {
        stop = new AbortController();
        void follow(stop.signal);
      }
    }

    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      cancelAnimationFrame(frame);
      stop?.abort();
    };
  }, [client, id, attempt]);

  return {
    lines: lines.current,
    revision,
    state: ended === undefined ? 'reading' : 'ended',
    error: ended?.error,
  };
}

function eventsOf(client: Client, id: string, attempt: number, from: string | undefined, signal: AbortSignal) {
  return client.events(id, { signal, ...(from === undefined ? { attempt } : { from }) });
}
