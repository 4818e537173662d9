import type { Context } from 'hono';
import { createClient, type Client } from '../client/client.ts';
import type { HttpDoor } from '../mcp/http-door.ts';
import type { AppEnv, AppOptions } from './app-options.ts';
import { emptyBody, invalidRequest, readJson } from './body.ts';
import type { Handlers } from './handlers.ts';

const sessionPattern = /^[\u0021-\u007e]{1,128}$/;

/** What a caller is known by, passed on when the app asks itself in a caller's name. */
const callerHeaders = ['authorization', 'x-api-key', 'host'] as const;

/** Tools for agents. `fetch` is the app's own: what a tool does goes through the API, with the key of whoever called it. */
export function mcpHandlers(options: AppOptions, fetch: (request: Request) => Promise<Response>): Handlers<'mcp'> {
  let opening: Promise<HttpDoor> | undefined;

  /** Loaded for those who use it: the SDK takes 70 ms of CPU time, which no other cold start should pay. */
  function door(): Promise<HttpDoor> {
    opening ??= import('../mcp/http-door.ts').then(({ httpDoor }) => httpDoor(options));
    return opening;
  }

  return {
    mcp: async (c) => {
      const body = await readJson(c.req.raw, options);
      if (body === undefined) throw emptyBody();
      if (body.problems.length > 0) throw invalidRequest(body.problems);
      if (Array.isArray(body.value))
        throw invalidRequest([{ path: '', code: 'wrongType', message: 'send each message by itself, not in a list' }]);
      const session = sessionOf(c.req.raw.headers);
      const { name } = c.get('principal');
      const posted = { request: c.req.raw, message: body.value, session, caller: name, errand: itself(c, fetch) };
      return (await door()).post(posted);
    },
  };
}

function sessionOf(headers: Headers): string | undefined {
  const session = headers.get('mcp-session-id');
  if (session === null || sessionPattern.test(session)) return session ?? undefined;
  throw invalidRequest([
    {
      path: '/headers/Mcp-Session-Id',
      code: 'invalidCharacter',
      message:
        'Mcp-Session-Id must be 1 to 128 visible ASCII characters: send the one that initialize was answered with',
    },
  ]);
}

function itself(c: Context<AppEnv>, fetch: (request: Request) => Promise<Response>): Client {
  const { headers: given, url } = c.req.raw;
  const headers = callerHeaders.flatMap((name): [string, string][] => {
    const value = given.get(name);
    return value === null ? [] : [[name, value]];
  });
  headers.push(['x-request-id', c.get('requestId')]);
  const { traceparent, tracestate } = c.get('traceContext') ?? {};
  if (traceparent !== undefined) headers.push(['traceparent', traceparent]);
  if (tracestate !== undefined) headers.push(['tracestate', tracestate]);
  return createClient({
    url: new URL(url).origin,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      for (const [name, value] of headers) request.headers.set(name, value);
      request.signal.throwIfAborted();
      const response = await fetch(request);
      request.signal.throwIfAborted();
      return response;
    },
  });
}
