import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InvocationRequest, Registered } from './core-api.ts';

export interface HttpFrontOptions {
  port: number;
  /** Where the programming model takes the bodies of requests. */
  proxy: URL;
  functions: readonly Registered[];
  /** Must come with each request for a function of the level `function`; not asked for unless given, as on a developer's machine. */
  key: string | undefined;
  invoke(registered: Registered, invocationId: string, request: InvocationRequest): Promise<unknown>;
  onError(error: unknown): void;
}

export interface HttpFront {
  url: string;
  close(): Promise<void>;
}

const invocationIdHeader = 'x-ms-invocation-id';

/** What stands before the worker: takes a request, tells the worker of it, and brings bodies to and fro. */
export async function httpFront(options: HttpFrontOptions): Promise<HttpFront> {
  const server = createServer((incoming, outgoing) => {
    answer(options, incoming, outgoing).catch((error: unknown) => {
      options.onError(error);
      if (!outgoing.headersSent) outgoing.writeHead(500);
      outgoing.end();
    });
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(options: HttpFrontOptions, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { proxy, functions, key, invoke } = options;
  const url = new URL(incoming.url ?? '/', 'http://localhost');
  const registered = functionFor(url.pathname, functions);
  const [name, binding] = triggerOf(registered);
  if (key !== undefined && binding.authLevel !== 'anonymous') {
    const shown = incoming.headers['x-functions-key'] ?? url.searchParams.get('code');
    if (shown !== key) {
      outgoing.writeHead(401).end();
      return;
    }
  }
  const invocationId = randomUUID();
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([header, value]) => [
      header,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
  const forwarded = httpRequest(proxy, {
    method: incoming.method,
    path: incoming.url,
    headers: {
      ...headers,
      [invocationIdHeader]: invocationId,
      'x-forwarded-host': incoming.headers.host ?? '127.0.0.1',
      'x-forwarded-proto': 'http',
    },
  });
  outgoing.on('close', () => forwarded.destroy());
  const answered = brought(forwarded, outgoing);
  incoming.pipe(forwarded);
  const invoked = invoke(registered, invocationId, {
    inputData: [{ name, data: { http: {} } }],
    triggerMetadata: { Headers: { json: JSON.stringify(headers) } },
  }).catch((error: unknown) => {
    forwarded.destroy();
    throw error;
  });
  await Promise.all([invoked, answered]);
}

/** Resolves when the answer has been passed on, or its reader has gone away. */
function brought(forwarded: ReturnType<typeof httpRequest>, outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    forwarded.on('response', (response) => {
      const { [invocationIdHeader]: _, ...headers } = response.headers;
      outgoing.writeHead(response.statusCode ?? 500, headers);
      outgoing.flushHeaders();
      response.pipe(outgoing);
      response.on('error', reject);
      outgoing.on('close', resolve);
    });
    forwarded.on('error', (error) => (outgoing.destroyed ? resolve() : reject(error)));
  });
}

/** A route whose first segment is written out comes before one that takes anything, as in ASP.NET Core; of its constraints only the empty path is known here. */
function functionFor(path: string, functions: readonly Registered[]): Registered {
  const [first = ''] = path.slice(1).split('/');
  const routed = functions.map((registered) => ({ registered, route: triggerOf(registered)[1].route ?? '' }));
  const found =
    routed.find(({ route }) => (first === '' ? route.includes(':maxlength(0)') : route.startsWith(`${first}/`))) ??
    routed.find(({ route }) => route.startsWith('{*'));
  if (found === undefined) throw new TypeError(`no function of the app has a route for ${path}`);
  return found.registered;
}

function triggerOf({ metadata }: Registered): [string, Registered['metadata']['bindings'][string]] {
  const found = Object.entries(metadata.bindings).find(([, { type }]) => type === 'httpTrigger');
  if (found === undefined) throw new TypeError(`${metadata.name} has no HTTP trigger`);
  return found;
}
