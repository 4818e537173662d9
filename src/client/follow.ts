import type { RunChange } from '../contract/overview.ts';
import type { EndReason, RunState, TerminalState } from '../contract/run.ts';
import { ErrandConnectionError } from './errors.ts';
import { serverEvents, type ServerEvent } from './event-stream.ts';
import { after, sleep } from './timer.ts';
import { backoffMs, isTransient, type Transport } from './transport.ts';

/** What happens to a run while it is followed. */
export type RunEvent =
  /** `position`: where to go on after it. */
  | { event: 'log'; attempt: number; text: string; position: string }
  | { event: 'attempt'; attempt: number; position: string }
  | { event: 'state'; state: RunState }
  | { event: 'end'; state: TerminalState; exitCode?: number; reason: EndReason; message: string };

/** `open`: from here on nothing is missed, and nothing is known of what was before. */
export type ChangeEvent = { event: 'open' } | { event: 'change'; change: RunChange };

export interface FollowOptions {
  /** The first attempt to show; later ones follow. */
  attempt?: number | undefined;
  /** The position of an event: goes on after it, without repeating or losing anything. */
  from?: string | undefined;
  /** Called each time that the server is away for more than a moment. It is asked again for about a minute. */
  onAway?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
}

interface Stream {
  path: string;
  query: readonly [name: string, value: string][];
  /** Id of the last event that is known already. */
  from?: string | undefined;
  /** Names the server where none answers. */
  url: string;
  onAway?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** The server sends a sign of life every 15 seconds: after three of them without any, the connection is dead though nobody said so. */
const silenceMs = 45_000;

/** Failures in a row before giving up: about a minute, since the transport tries each several times. */
const maxFailures = 10;

/** The first is a connection that broke, and mostly the next one works. */
const awayAfter = 2;

/** Follows a run to its end. A connection that breaks is taken up again where it broke off, so that nothing is lost or repeated. */
export async function* follow(
  transport: Transport,
  path: string,
  url: string,
  { attempt, from, onAway, signal }: FollowOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  const query: [string, string][] = [
    ['follow', 'true'],
    ...(attempt === undefined ? [] : [['attempt', String(attempt)] satisfies [string, string]]),
  ];
  for await (const { event: name, data, id } of eventsOf(transport, { path, query, from, url, onAway, signal })) {
    const position = id === undefined ? {} : { position: id };
    const event = { event: name, ...(JSON.parse(data) as object), ...position } as RunEvent;
    yield event;
    if (event.event === 'end') return;
  }
}

/** Follows changes of all runs until the signal is aborted. After each `open` nothing is missed: what is shown has to be read then. */
export async function* followChanges(
  transport: Transport,
  path: string,
  url: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ChangeEvent, void, undefined> {
  for await (const { event, data } of eventsOf(transport, { path, query: [], url, signal })) {
    if (event === 'open') yield { event };
    if (event === 'change') yield { event, change: JSON.parse(data) as RunChange };
  }
}

/** The events of a stream, over as many connections as it takes. Ends only with an error or the signal's reason. */
async function* eventsOf(
  transport: Transport,
  { path, query, from, url, onAway, signal }: Stream,
): AsyncGenerator<ServerEvent, void, undefined> {
  let lastId = from;
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
        query: [...query],
        headers: { Accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'Last-Event-ID': lastId }) },
        signal: both,
      });
      onBytes();
      if (response.body === null) throw new ErrandConnectionError(url, new Error('an event stream without a body'));
      for await (const message of serverEvents(response.body, onBytes)) {
        failures = 0;
        if (message.id !== undefined) lastId = message.id;
        yield message;
      }
    } catch (error) {
      signal?.throwIfAborted();
      failures += 1;
      if (!(isTransient(error) || isBroken(error)) || failures > maxFailures) throw error;
      if (failures === awayAfter) onAway?.();
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
