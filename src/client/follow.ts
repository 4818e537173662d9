import type { EndReason, RunState, TerminalState } from '../contract/run.ts';
import { ErrandConnectionError } from './errors.ts';
import { serverEvents } from './event-stream.ts';
import { after, sleep } from './timer.ts';
import { backoffMs, isTransient, type Transport } from './transport.ts';

/** What happens to a run while it is followed. */
export type RunEvent =
  | { event: 'log'; attempt: number; text: string }
  | { event: 'attempt'; attempt: number }
  | { event: 'state'; state: RunState }
  | { event: 'end'; state: TerminalState; exitCode?: number; reason: EndReason; message: string };

export interface FollowOptions {
  /** The first attempt to show; later ones follow. */
  attempt?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The server sends a sign of life every 15 seconds: after three of them without any, the connection is dead though nobody said so. */
const silenceMs = 45_000;

/** Failures in a row before giving up: about 35 seconds. */
const maxFailures = 10;

/** Follows a run to its end. A connection that breaks is taken up again where it broke off, so that nothing is lost or repeated. */
export async function* follow(
  transport: Transport,
  path: string,
  url: string,
  { attempt, signal }: FollowOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  let lastId: string | undefined;
  let failures = 0;
  for (;;) {
    const silence = new AbortController();
    const both = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
    let cancelTimer = (): void => {};
    const onBytes = (): void => {
      cancelTimer();
      cancelTimer = after(silenceMs, () => silence.abort(new Error('no sign of life')));
    };
    try {
      const response = await transport.send(path, {
        query: [
          ['follow', 'true'],
          ...(attempt === undefined ? [] : [['attempt', String(attempt)] satisfies [string, string]]),
        ],
        headers: { Accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'Last-Event-ID': lastId }) },
        signal: both,
      });
      onBytes();
      if (response.body === null) throw new ErrandConnectionError(url, new Error('an event stream without a body'));
      for await (const message of serverEvents(response.body, onBytes)) {
        failures = 0;
        if (message.id !== undefined) lastId = message.id;
        const event = { event: message.event, ...(JSON.parse(message.data) as object) } as RunEvent;
        yield event;
        if (event.event === 'end') return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      failures += 1;
      if (!(isTransient(error) || isBroken(error)) || failures > maxFailures) throw error;
    } finally {
      cancelTimer();
    }
    await sleep(backoffMs(failures + 1), signal);
  }
}

/** Readers of a body reject with a TypeError where the connection broke, and with an AbortError or our own error where it fell silent. */
function isBroken(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    (error instanceof Error && (error.name === 'AbortError' || error.message === 'no sign of life'))
  );
}
