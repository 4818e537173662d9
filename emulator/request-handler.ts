import type { IncomingMessage, ServerResponse } from 'node:http';

import { checkApiVersion } from './api-version.ts';
import { ArmError } from './arm-error.ts';
import { checkBearer } from './bearer.ts';
import { brokenServer } from './refusals.ts';
import type { Answer, RequestKind, Route } from './routes.ts';
import type { DeploymentServices } from './services.ts';

export interface RequestRecord {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Emulated milliseconds since the epoch. */
  readonly at: number;
  /** Undefined until it is answered, and where it never is. */
  status: number | undefined;
  /** Whether the connection was broken instead of an answer. */
  lost: boolean;
}

/** Of a body; the service takes 4 MB. */
const largestBody = 4 * 1024 ** 2;

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody)
      throw new ArmError(413, 'RequestContentTooLarge', 'The request content is larger than 4 MB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Counters that the service sends along and that nothing here uses up. */
const remaining: Readonly<Record<RequestKind, readonly [name: string, value: string]>> = {
  read: ['x-ms-ratelimit-remaining-subscription-reads', '11999'],
  create: ['x-ms-ratelimit-remaining-subscription-writes', '1199'],
  write: ['x-ms-ratelimit-remaining-subscription-writes', '1199'],
  delete: ['x-ms-ratelimit-remaining-subscription-deletes', '14999'],
};

interface HandlerOptions {
  readonly services: DeploymentServices;
  readonly routes: readonly Route[];
  readonly requests: RequestRecord[];
  /** Whether bearer tokens are demanded. */
  readonly secure: boolean;
}

/** Answers requests, and mishandles as many of them as the switches say. */
export function requestHandler({ services, routes, requests, secure }: HandlerOptions) {
  const { switches, random, clock } = services;

  function match(method: string, path: string): { route: Route; parameters: Record<string, string> } {
    const fitting = routes.filter(({ pattern }) => pattern.test(path));
    const route = fitting.find((candidate) => candidate.method === method);
    if (route !== undefined) return { route, parameters: { ...route.pattern.exec(path)?.groups } };
    if (fitting.length > 0) throw new ArmError(405, 'MethodNotAllowed', `The method ${method} is not supported here.`);
    throw new ArmError(
      404,
      'InvalidResourceType',
      `The resource type at '${path}' could not be found in the namespace 'Microsoft.ContainerInstance'.`,
    );
  }

  async function carryOut(
    request: IncomingMessage,
    url: URL,
    route: Route,
    parameters: Record<string, string>,
  ): Promise<Answer> {
    checkApiVersion(url.searchParams.get('api-version'), { isOperation: route.isOperation === true });
    if (switches.strikes('serverError')) throw brokenServer(services);
    const origin = `${secure ? 'https' : 'http'}://${request.headers.host ?? 'localhost'}`;
    return await route.answer({ parameters, query: url.searchParams, body: await readBody(request), origin });
  }

  /** What becomes of an answer that is ready. */
  function fate(kind: RequestKind | undefined): 'sent' | 'lost' | 'kept' | 'spoilt' {
    if (kind === 'create' && switches.strikes('silentCreate')) return 'kept';
    const lost =
      switches.strikes('lostAnswer') ||
      (kind === 'create' && switches.strikes('lostCreateAnswer')) ||
      (kind === 'delete' && switches.strikes('lostDeleteAnswer'));
    if (lost) return 'lost';
    return kind !== undefined && kind !== 'read' && switches.strikes('lateServerError') ? 'spoilt' : 'sent';
  }

  function send(response: ServerResponse, kind: RequestKind | undefined, { status, headers, body }: Answer): void {
    const id = random.uuid();
    const [counter, value] = remaining[kind ?? 'read'];
    const text = body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, {
      'cache-control': 'no-cache',
      ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      'x-ms-request-id': id,
      'x-ms-correlation-request-id': id,
      'x-ms-routing-request-id': `EMULATOR:${new Date(clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}:${id}`,
      [counter]: value,
      ...headers,
    });
    response.end(text);
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const method = request.method ?? 'GET';
    const record: RequestRecord = { method, path: url.pathname, at: clock.now(), status: undefined, lost: false };
    requests.push(record);
    if (switches.strikes('silence')) return;

    let kind: RequestKind | undefined;
    let answer: Answer;
    try {
      if (secure) checkBearer(request.headers.authorization);
      const { route, parameters } = match(method, url.pathname);
      kind = route.kind;
      answer = await carryOut(request, url, route, parameters);
    } catch (error) {
      if (!(error instanceof ArmError)) throw error;
      answer = { status: error.status, headers: error.headers, body: error.body() };
    }
    // Only what was carried out can get lost.
    const outcome = answer.status < 400 ? fate(kind) : 'sent';
    if (outcome === 'kept') return;
    if (outcome === 'lost') {
      record.lost = true;
      request.socket.destroy();
      return;
    }
    if (outcome === 'spoilt')
      answer = { status: 500, body: new ArmError(500, 'InternalServerError', 'An internal error occurred.').body() };
    record.status = answer.status;
    if (!request.complete) request.resume();
    send(response, kind, answer);
  };
}
