import { once } from 'node:events';
import {
  createServer,
  request,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { pause } from '../../crash/support/processes.ts';
import { formerAnswers } from './former-answers.ts';
import type { Fault, FaultKind, Injector } from './injector.ts';
import type { Wire } from './wires.ts';

export interface FaultProxyOptions {
  wire: Wire;
  injector: Injector;
  /** `http://127.0.0.1:<port>` or `unix://<path>`. */
  target: string;
  /** A socket to listen at; a port of loopback unless given. */
  socketPath?: string;
  /** For how long nothing comes before the network gives a connection up, in milliseconds. */
  silenceMs: number;
}

export interface FaultProxy {
  /** `http://127.0.0.1:<port>` or `unix://<path>`. */
  url: string;
  close(): Promise<void>;
}

interface Asked {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Methods that HTTP lets a proxy send twice (RFC 9110, 9.2.2), without PUT, which starts a container group again. */
const repeatable = new Set(['GET', 'HEAD', 'DELETE']);

/** Stands on a wire between Errand and a service, and does to requests, answers and connections what the injector says. */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { wire, injector, silenceMs } = options;
  const upstream = connectionTo(options.target);
  const former = formerAnswers<Answer>(wire.name);
  /** Connections that take everything and give nothing any more. */
  const dead = new WeakSet<Socket>();
  const sockets = new Set<Socket>();
  const underWay = new Set<ClientRequest>();
  const timers = new Set<NodeJS.Timeout>();

  function breakLater(socket: Socket): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      socket.destroy();
    }, silenceMs);
    timers.add(timer);
  }

  function send({ method, url, headers, body }: Asked): Promise<IncomingMessage> {
    const { 'transfer-encoding': _, ...kept } = headers;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const length = body.length > 0 || headers['content-length'] !== undefined ? { 'content-length': body.length } : {};
    const onward = request({ ...upstream, path: url, method, agent: false, headers: { ...kept, ...length } });
    onward.once('response', resolve);
    onward.once('error', reject);
    underWay.add(onward);
    onward.once('close', () => underWay.delete(onward));
    onward.end(body);
    return promise;
  }

  async function carriedOut(asked: Asked): Promise<Answer> {
    const response = await send(asked);
    const answer = {
      status: response.statusCode ?? 502,
      headers: response.headers,
      body: Buffer.concat(await response.toArray()),
    };
    if (asked.method === 'GET' && answer.status === 200 && wire.mayBeStale(asked.url))
      former.note(asked.url, answer, answer.body.toString());
    return answer;
  }

  function canBe(kind: FaultKind, { method, url }: Asked): boolean {
    if (!wire.kinds.includes(kind)) return false;
    // Of a stream nobody knows when its answer is whole.
    if (wire.isStream(url)) return kind !== 'doneButFailed' && kind !== 'duplicate' && kind !== 'staleRead';
    if (kind === 'duplicate') return repeatable.has(method);
    if (kind === 'staleRead') return method === 'GET' && wire.mayBeStale(url);
    return true;
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers, socket } = incoming;
    if (dead.has(socket)) return breakLater(socket);
    const asked: Asked = { method, url, headers, body: Buffer.concat(await incoming.toArray()) };
    const fault = injector.decide({
      port: wire.name,
      ...wire.describe(method, url),
      canBe: (kind) => canBe(kind, asked),
    });
    if (fault === undefined)
      return wire.isStream(url) ? stream(asked, outgoing) : give(await carriedOut(asked), outgoing);
    await inflict(fault, asked, outgoing, socket);
  }

  async function inflict(fault: Fault, asked: Asked, outgoing: ServerResponse, socket: Socket): Promise<void> {
    const isDone = fault.coin < 0.5 && !wire.isStream(asked.url);
    switch (fault.kind) {
      case 'failBefore':
        return void socket.destroy();
      case 'doneButFailed':
        await carriedOut(asked);
        return refuse(outgoing, wire.words.failed);
      case 'throttled':
        return refuse(outgoing, wire.words.throttled);
      case 'unavailable':
        return refuse(outgoing, wire.words.unavailable);
      case 'silence':
        if (isDone) await carriedOut(asked);
        return breakLater(socket);
      case 'reset':
        if (isDone) giveHalf(asked, await carriedOut(asked), outgoing);
        return reset(socket);
      case 'halfOpen':
        // In the middle of an answer, or after it: then the next request meets silence.
        dead.add(socket);
        if (fault.coin < 0.5 && outgoing.shouldKeepAlive) return give(await carriedOut(asked), outgoing);
        if (!wire.isStream(asked.url)) giveHalf(asked, await carriedOut(asked), outgoing);
        return breakLater(socket);
      case 'duplicate':
        await carriedOut(asked);
        return give(await carriedOut(asked), outgoing);
      case 'staleRead': {
        // An answer from before, or one that arrives when others have gone on.
        const before = former.take(asked.url, fault.coin);
        const answer = before ?? (await carriedOut(asked));
        if (before === undefined) await pause(100 + fault.coin * 300);
        return give(answer, outgoing);
      }
    }
  }

  async function stream(asked: Asked, outgoing: ServerResponse): Promise<void> {
    const response = await send(asked);
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    outgoing.flushHeaders();
    outgoing.on('close', () => response.destroy());
    response.on('error', () => outgoing.destroy());
    response.pipe(outgoing);
  }

  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (incoming, outgoing) => {
    // What the service breaks off is broken off here.
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  if (options.socketPath === undefined) server.listen(0, '127.0.0.1');
  else server.listen(options.socketPath);
  await once(server, 'listening');
  const { socketPath } = options;
  return {
    url:
      socketPath === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${socketPath}`,
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      for (const onward of underWay) onward.destroy();
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

function give({ status, headers, body }: Answer, outgoing: ServerResponse): void {
  const { 'transfer-encoding': _, ...kept } = headers;
  const hasNone = status === 204 || status === 304 || kept['content-length'] !== undefined;
  outgoing.writeHead(status, { ...kept, ...(hasNone ? {} : { 'content-length': body.length }) }).end(body);
}

/** The head, which promises more than comes. Where an answer is nothing but its head there is no half: nothing comes then. */
function giveHalf({ method }: Asked, { status, headers, body }: Answer, outgoing: ServerResponse): void {
  if (method === 'HEAD' || status === 204 || status === 304) return;
  const { 'transfer-encoding': _, ...kept } = headers;
  outgoing.writeHead(status, { ...kept, 'content-length': body.length + 1 });
  outgoing.flushHeaders();
  outgoing.write(body.subarray(0, body.length >> 1));
}

function refuse(outgoing: ServerResponse, { status, headers, body }: Wire['words']['failed']): void {
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** With RST, where the socket is one of TCP. */
function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

function connectionTo(target: string): RequestOptions & { socketPath?: string; port?: string } {
  if (target.startsWith('unix://')) return { socketPath: target.slice('unix://'.length) };
  const { hostname, port } = new URL(target);
  return { hostname, port };
}
