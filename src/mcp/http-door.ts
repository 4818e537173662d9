import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import {
  isInitializeRequest,
  isJSONRPCRequest,
  JSONRPCNotificationSchema,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { instant, type Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { longestWaitSeconds, usualWaitSeconds } from './call.ts';
import { callKey } from './call-key.ts';
import { requestLabel } from './call-task.ts';
import type { Errand } from './errand.ts';
import { giveUp } from './give-up.ts';
import { logLevels } from './log-levels.ts';
import { runTools } from './run-tools.ts';
import { serveTools } from './tool-server.ts';

export interface HttpDoorOptions {
  clock: Clock;
  logger: Logger;
  version: string;
  closing?: AbortSignal | undefined;
  /** How long one answer may be streamed, in seconds. */
  streamSeconds?: number | undefined;
}

/** One message of a client. */
export interface Posted {
  request: Request;
  /** Its body, parsed and bounded. */
  message: unknown;
  /** Its Mcp-Session-Id. */
  session: string | undefined;
  /** Name of the principal. */
  caller: string;
  /** Errand as this caller may use it. */
  errand: Errand;
}

/** The streamable HTTP transport (MCP 2025-11-25, "Transports"), one server for each message: nothing of a session is kept but what may be forgotten. */
export interface HttpDoor {
  post(posted: Posted): Promise<Response>;
}

const canceledSchema = JSONRPCNotificationSchema.extend({
  method: z.literal('notifications/cancelled'),
  params: z.looseObject({ requestId: z.union([z.string(), z.number()]) }),
});

/** Runs older than the longest call cannot be of one that is still waited for. */
const cancelableMs = 2 * longestWaitSeconds * 1000;

export function httpDoor({ clock, logger, version, closing, streamSeconds }: HttpDoorOptions): HttpDoor {
  const levels = logLevels();
  /** Calls that wait in this process, by caller and key. */
  const waiting = new Map<string, (message: JSONRPCMessage) => void>();
  const longest = Math.min(longestWaitSeconds, streamSeconds ?? longestWaitSeconds);
  const waits = { usual: Math.min(usualWaitSeconds, longest), longest };
  const tools = runTools(waits);
  const onProblem = (error: unknown, message: string): void => logger.warn({ err: error }, message);

  /** A cancellation comes as a request of its own, at any of the servers. Where the call does not wait here, its run is found by its label. */
  async function cancel({ caller, session, errand }: Posted, message: z.output<typeof canceledSchema>): Promise<void> {
    if (session === undefined) return;
    const key = callKey(session, message.params.requestId);
    const deliver = waiting.get(nameOf(caller, key));
    if (deliver !== undefined) return deliver(message);
    const since = instant(clock.now() - cancelableMs);
    try {
      // A key for some tasks has to say which it means.
      for (const task of (await errand.whoami()).tasks ?? [undefined]) {
        const { runs } = await errand.list({ task, labels: { [requestLabel]: key }, since, limit: 1 });
        for (const { id } of runs) await giveUp(id, { errand, problem: onProblem });
      }
    } catch (error) {
      onProblem(error, 'the run of a canceled call could not be looked for');
    }
  }

  return {
    post: async (posted) => {
      const { request, message, session, caller, errand } = posted;
      const canceled = canceledSchema.safeParse(message);
      if (canceled.success) {
        await cancel(posted, canceled.data);
        return new Response(null, { status: 202 });
      }
      const isCall = isJSONRPCRequest(message) && message.method === 'tools/call';
      const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: !isCall });
      const close = (): void => {
        request.signal.removeEventListener('abort', close);
        transport.close().catch((error: unknown) => onProblem(error, 'a stream could not be ended'));
      };
      const name = isCall && session !== undefined ? nameOf(caller, callKey(session, message.id)) : undefined;
      await serveTools(transport, {
        errand,
        clock,
        version,
        session,
        levels,
        waits,
        tools,
        closing,
        onProblem,
        onCallEnd: ({ canceled: isCanceled }) => {
          if (name !== undefined) waiting.delete(name);
          // Nothing will be answered, and nothing else would end the stream.
          if (isCanceled) close();
        },
      });
      if (name !== undefined) waiting.set(name, (cancellation) => transport.onmessage?.(cancellation));
      // The runtime may keep a signal, and what listens to it, for good, so nothing listens once it is answered; nor by the signal of another, which it keeps as well.
      request.signal.addEventListener('abort', close, { once: true });
      closeOnceAnswered(transport, close);
      const response = await transport.handleRequest(withoutBody(request), { parsedBody: message });
      if (!isCall || !response.ok) close();
      if (name !== undefined && !response.ok) waiting.delete(name);
      if (isInitializeRequest(message) && response.ok) response.headers.set('Mcp-Session-Id', randomUUID());
      return response;
    },
  };
}

/** A stream has told all once its call is answered. */
function closeOnceAnswered(transport: WebStandardStreamableHTTPServerTransport, close: () => void): void {
  const send = transport.send.bind(transport);
  transport.send = async (message, options) => {
    await send(message, options);
    if ('result' in message || 'error' in message) close();
  };
}

function nameOf(caller: string, key: string): string {
  return JSON.stringify([caller, key]);
}

/** Its body has been read and judged. */
function withoutBody({ url, headers: given }: Request): Request {
  const headers = new Headers(given);
  headers.set('Content-Type', 'application/json');
  return new Request(url, { method: 'POST', headers });
}
