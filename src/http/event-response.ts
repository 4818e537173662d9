import type { Context } from 'hono';
import type { AppEnv, AppOptions } from './app-options.ts';

/** What a reader is told to wait before it comes back, in milliseconds. */
const retryMs = 1_000;

const defaultHeartbeatMs = 15_000;

export interface EventSource<E> {
  /** Ends with the signal. `heartbeatMs`: how long it may be quiet. */
  events(signal: AbortSignal, heartbeatMs: number): AsyncGenerator<E, void, undefined>;
  /** An event in the form of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
  toText(event: E): string;
  /** Nothing comes after this one: nobody needs to come back. */
  isLast(event: E): boolean;
  /** For the log, where the events break off. */
  details: object;
  /** Called once nobody reads any more, also where nobody has begun to. */
  onEnd?(): void;
}

const headers = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
};

/** What HEAD is answered with: nobody would end a stream that nobody reads. */
export function eventHead(): Response {
  return new Response(null, { headers });
}

/** A stream of events as an answer: as long as a stream may last, and until the server stops or its reader goes. */
export function eventResponse<E>(
  c: Context<AppEnv>,
  { clock, logger, closing, streamSeconds, heartbeatMs = defaultHeartbeatMs }: AppOptions,
  { events, toText, isLast, details, onEnd }: EventSource<E>,
): Response {
  const canceled = new AbortController();
  const signal = AbortSignal.any([canceled.signal, c.req.raw.signal, ...(closing === undefined ? [] : [closing])]);
  const stopTimer = streamSeconds === undefined ? () => {} : clock.after(streamSeconds * 1000, () => canceled.abort());
  const body = eventStream(events(signal, heartbeatMs), {
    toText,
    isLast,
    onEnd: () => {
      stopTimer();
      canceled.abort();
      onEnd?.();
    },
    onError: (error) =>
      logger.warn(
        { ...details, requestId: c.get('requestId'), err: error },
        'an event stream broke off; its reader is told to come back',
      ),
  });
  return new Response(body, { headers });
}

/** One message. `id` is where to go on from. */
export function eventText(name: string, data: object, id?: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** A comment, which readers take for a sign of life. */
export const quietText = ':\n\n';

/** Takes an event when the reader has room for it, and not before. Where the events end without their last, the reader is told to come back. */
export function eventStream<E>(
  events: AsyncGenerator<E, void, undefined>,
  {
    toText,
    isLast,
    onEnd,
    onError,
  }: Pick<EventSource<E>, 'toText' | 'isLast'> & { onEnd: () => void; onError: (error: unknown) => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let ended = false;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const next = await events.next();
          if (next.done !== true) {
            ended = isLast(next.value);
            controller.enqueue(encoder.encode(toText(next.value)));
            return;
          }
        } catch (error) {
          onError(error);
        }
        if (!ended) controller.enqueue(encoder.encode(`retry: ${retryMs}\n\n`));
        onEnd();
        controller.close();
      },
      cancel: async () => {
        onEnd();
        await events.return();
      },
    },
    { highWaterMark: 0 },
  );
}
