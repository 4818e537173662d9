import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Client } from '../../src/client/client.ts';
import { ErrandConnectionError } from '../../src/client/errors.ts';
import { useReload } from './changes.ts';
import { useClient } from './session.ts';

export interface Data<T> {
  /** What was read last, also while it is read again. */
  value: T | undefined;
  error: unknown;
  reading: boolean;
  reload: () => void;
}

/**
 * Reads something from the server, and again when `key` changes or `reload` is called. One reading at a time: what is asked for meanwhile is one more
 * after it. What was read under another key is forgotten. What could not be read is read again once the server answers.
 */
export function useData<T>(key: string, read: (client: Client, signal: AbortSignal) => Promise<T>): Data<T> {
  const client = useClient();
  const [state, setState] = useState<{ key: string; value: T | undefined; error: unknown; reading: boolean }>({
    key,
    value: undefined,
    error: undefined,
    reading: true,
  });
  const latest = useRef(read);
  latest.current = read;
  const again = useRef<() => void>(() => {});

  useEffect(() => {
    const stop = new AbortController();
    let busy = false;
    let wanted = false;
    async function once(): Promise<void> {
      if (busy) {
        wanted = true;
        return;
      }
      busy = true;
      setState((before) =>
        before.key === key ? { ...before, reading: true } : { key, value: undefined, error: undefined, reading: true },
      );
      try {
        const value = await latest.current(client, stop.signal);
        if (!stop.signal.aborted) setState({ key, value, error: undefined, reading: false });
      } catch (error) {
        if (!stop.signal.aborted) setState((before) => ({ ...before, error, reading: false }));
      }
      busy = false;
      if (wanted && !stop.signal.aborted) {
        wanted = false;
        void once();
      }
    }
    again.current = () => void once();
    void once();
    return () => stop.abort();
  }, [key, client]);

  const reload = useCallback(() => again.current(), []);
  useReload(
    () => {
      if (state.error instanceof ErrandConnectionError) reload();
    },
    () => false,
  );
  const fresh = state.key === key;
  return {
    value: fresh ? state.value : undefined,
    error: fresh ? state.error : undefined,
    reading: fresh ? state.reading : true,
    reload,
  };
}
