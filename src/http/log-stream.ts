import type { LogEvent, LogPosition } from './log-events.ts';

/** What a reader is told to wait before it comes back, in milliseconds. */
const retryMs = 1_000;

/** One event in the form of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export function sseText(event: LogEvent): string {
  switch (event.event) {
    case 'quiet':
      return ':\n\n';
    case 'attempt':
      return message('attempt', { attempt: event.position.attempt }, event.position);
    case 'log':
      return message('log', { attempt: event.position.attempt, text: event.text }, event.position);
    case 'state':
    case 'end': {
      const { event: name, ...data } = event;
      return message(name, data);
    }
  }
}

function message(name: string, data: object, position?: LogPosition): string {
  const id = position === undefined ? '' : `id: ${position.attempt}:${position.offset}\n`;
  return `event: ${name}\n${id}data: ${JSON.stringify(data)}\n\n`;
}

/** Takes an event when the reader has room for it, and not before. Where the events end without the run's end, the reader is told to come back. */
export function logStream(
  events: AsyncGenerator<LogEvent, void, undefined>,
  options: { onEnd: () => void; onError: (error: unknown) => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let ended = false;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const next = await events.next();
          if (next.done !== true) {
            ended = next.value.event === 'end';
            controller.enqueue(encoder.encode(sseText(next.value)));
            return;
          }
        } catch (error) {
          options.onError(error);
        }
        if (!ended) controller.enqueue(encoder.encode(`retry: ${retryMs}\n\n`));
        options.onEnd();
        controller.close();
      },
      cancel: async () => {
        options.onEnd();
        await events.return();
      },
    },
    { highWaterMark: 0 },
  );
}
