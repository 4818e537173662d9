import { once } from 'node:events';
import { createServer as createPlain, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer } from 'node:https';
import { connect, type Socket } from 'node:net';

import type { HttpsSenderOptions } from '../../../src/webhooks/https-sender.ts';
import { listen } from '../../support/listen.ts';

export interface Received {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** Tells connections apart. */
  port: number;
}

export interface Receiver {
  port: number;
  received: Received[];
  /** Connections, whether anything was asked over them or not. */
  connections(): number;
  /** Instead of a plain 204. */
  answer: RequestListener | undefined;
  close(): Promise<void>;
}

/** A server on loopback that keeps what it is sent; with a certificate it speaks TLS. */
export async function receiver(tls?: { key: string; cert: string }): Promise<Receiver> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    void (async () => {
      const body = await text(request);
      self.received.push({
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers as Record<string, string>,
        body,
        port: request.socket.remotePort ?? 0,
      });
      if (self.answer === undefined) response.writeHead(204).end();
      else self.answer(request, response);
    })();
  };
  const server: Server = tls === undefined ? createPlain(listener) : createServer(tls, listener);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const port = await listen(server);
  const self: Receiver = {
    port: port,
    received: [],
    connections: () => connections,
    answer: undefined,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return self;
}

async function text(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

/** What the public address of these tests stands for. Nothing is ever sent to it: the dialer takes it to a receiver on loopback. */
export const publicAddress = '93.184.215.14';

export interface Network {
  /** What was dialled, in order. */
  dialled: string[];
  options: Required<Pick<HttpsSenderOptions, 'resolve' | 'dial'>>;
}

/** Names as `resolve` has them. Only loopback is ever connected: the public address leads to `outside`, and whatever is internal to `inside`, which must never be asked. */
export function network(
  resolve: (host: string) => readonly string[] | undefined,
  { outside, inside }: { outside: number; inside: number },
): Network {
  const dialled: string[] = [];
  return {
    dialled,
    options: {
      resolve: async (host) => {
        const addresses = resolve(host);
        if (addresses === undefined) throw Object.assign(new Error(`ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
        return [...addresses];
      },
      dial: async (address, _port, { signal }) => {
        dialled.push(address);
        const socket = connect({ host: '127.0.0.1', port: address === publicAddress ? outside : inside });
        await once(socket, 'connect', { signal });
        return socket;
      },
    },
  };
}
