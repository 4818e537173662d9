import type { Context } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import type { Exchange } from '../core/ports/artifact-store.ts';
import type { RunRecord } from '../core/run-record.ts';
import type { AppEnv, AppOptions } from './app-options.ts';
import { invalidRequest } from './body.ts';
import { eventResponse, eventText, quietText } from './event-response.ts';
import type { Handlers } from './handlers.ts';
import { logEvents, type LogEvent, type LogPosition } from './log-events.ts';
import { query } from './query.ts';
import { byteRange, type ByteRange } from './range.ts';
import { startedBody } from './started-body.ts';
import { visibleRun } from './visible-run.ts';

const chunkBytes = 64 * 1024;
const maximumAttempt = 999;

export function logHandlers(options: AppOptions): Handlers<'getLogs'> {
  const { orchestrator, artifacts, clock } = options;

  function follow(c: Context<AppEnv>, run: RunRecord, attempt: number | undefined): Response {
    const resumeAt = lastEventId(c.req.raw.headers);
    return eventResponse(c, options, {
      events: (signal, heartbeatMs) =>
        logEvents(run.id, options, {
          from: resumeAt ?? { attempt: attempt ?? 1, offset: 0 },
          resumed: resumeAt !== undefined,
          heartbeatMs,
          signal,
        }),
      toText,
      isLast: ({ event }) => event === 'end',
      details: { runId: run.id },
    });
  }

  /** The log as it is now. */
  async function download(c: Context<AppEnv>, run: RunRecord, number: number | undefined): Promise<Response> {
    const attempt = number === undefined ? run.attempts.at(-1) : run.attempts[number - 1];
    const headers = new Headers({ 'Content-Type': 'text/plain; charset=utf-8', 'Accept-Ranges': 'bytes' });
    if (attempt === undefined) return new Response('', { headers });
    const exchange = artifacts.exchange({ runId: run.id, attempt: attempt.number });
    const { signal } = c.req.raw;
    const size = (await exchange.readLog({ offset: 0, length: 0 }, { signal }))?.size ?? 0;
    if (attempt.log !== undefined) headers.set('ETag', `"${attempt.log.sha256}"`);
    const ifRange = c.req.header('if-range');
    const range = ifRange === undefined || ifRange === headers.get('ETag') ? askedRange(c, size) : undefined;
    const { start, end } = range ?? { start: 0, end: size };
    headers.set('Content-Length', String(end - start));
    if (range !== undefined) headers.set('Content-Range', `bytes ${start}-${end - 1}/${size}`);
    return new Response(
      c.req.method === 'HEAD' ? null : await startedBody(logBody(exchange, { start, end }, signal), clock),
      {
        status: range === undefined ? 200 : 206,
        headers,
      },
    );
  }

  return {
    getLogs: async (c) => {
      const asked = query(c);
      const attempt = asked.whole('attempt', { minimum: 1, maximum: maximumAttempt });
      const wantsEvents = asked.flag('follow') || (c.req.header('accept') ?? '').includes('text/event-stream');
      asked.done();
      const run = await visibleRun(c, orchestrator);
      if (attempt !== undefined && run.attempts.length < attempt) {
        const message = run.attempts.length === 0 ? 'has not begun its first' : `has ${run.attempts.length}`;
        throw new ErrandError('attemptNotFound', `there is no attempt ${attempt}: the run ${message}`, {
          runId: run.id,
        });
      }
      return wantsEvents && c.req.method !== 'HEAD' ? follow(c, run, attempt) : download(c, run, attempt);
    },
  };
}

function toText(event: LogEvent): string {
  switch (event.event) {
    case 'quiet':
      return quietText;
    case 'attempt':
      return eventText('attempt', { attempt: event.position.attempt }, positionText(event.position));
    case 'log': {
      const { position, text } = event;
      return eventText('log', { attempt: position.attempt, text }, positionText(position));
    }
    case 'state':
    case 'end': {
      const { event: name, ...data } = event;
      return eventText(name, data);
    }
  }
}

function positionText({ attempt, offset }: LogPosition): string {
  return `${attempt}:${offset}`;
}

function askedRange(c: Context<AppEnv>, size: number): ByteRange | undefined {
  const asked = c.req.header('range') ?? null;
  try {
    return byteRange(asked, size);
  } catch (error) {
    c.header('Content-Range', `bytes */${size}`);
    throw error;
  }
}

function lastEventId(headers: Headers): LogPosition | undefined {
  const text = headers.get('last-event-id');
  if (text === null || text === '') return undefined;
  const [, attempt, offset] = /^(\d{1,3}):(\d{1,15})$/.exec(text) ?? [];
  if (attempt === undefined || Number(attempt) === 0) {
    throw invalidRequest([
      {
        path: '/headers/Last-Event-ID',
        code: 'wrongType',
        message: 'Last-Event-ID must be the id of an event of this stream, such as 1:4096',
        allowed: 'attempt:offset',
      },
    ]);
  }
  return { attempt: Number(attempt), offset: Number(offset) };
}

/** Reads as the reader asks, never the whole log at once. */
function logBody(exchange: Exchange, { start, end }: ByteRange, signal: AbortSignal): ReadableStream<Uint8Array> {
  let offset = start;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (offset >= end) return controller.close();
        const slice = await exchange.readLog({ offset, length: Math.min(chunkBytes, end - offset) }, { signal });
        if (slice === undefined || slice.offset !== offset || slice.bytes.length === 0)
          throw new Error('the log became shorter while it was read');
        offset += slice.bytes.length;
        controller.enqueue(slice.bytes);
      },
    },
    { highWaterMark: 0 },
  );
}
