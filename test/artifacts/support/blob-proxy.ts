import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen } from '../../support/listen.ts';

export interface Asked {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
}

/** Pass it on; pass it on and lose the answer, or break off in the middle of it; or answer in Azure's place. */
export type Decision = 'pass' | 'lose' | 'break' | { status: number; code: string; headers?: Record<string, string> };

export interface BlobProxy {
  port: number;
  seen: Asked[];
  decide: (asked: Asked) => Decision | Promise<Decision>;
  stop(): void;
}

/** Stands between a client and Azurite, and shows what was asked for. Passes everything until it is told otherwise. */
export async function startBlobProxy(target: string): Promise<BlobProxy> {
  const { hostname, port } = new URL(target);
  const seen: Asked[] = [];
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url ?? '/', 'http://proxy');
    const asked = { method: incoming.method ?? '', path: url.pathname, query: url.searchParams };
    seen.push(asked);
    const decision = await proxy.decide(asked);
    if (typeof decision === 'object') {
      incoming.resume();
      outgoing.writeHead(decision.status, { 'x-ms-error-code': decision.code, ...decision.headers }).end();
      return;
    }
    const forward = request(
      { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        if (decision === 'lose') {
          answer.resume().on('end', () => outgoing.destroy());
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        if (decision === 'break') {
          answer.once('data', (bytes: Buffer) => {
            outgoing.write(bytes.subarray(0, bytes.length >> 1), () => outgoing.destroy());
          });
          return;
        }
        answer.pipe(outgoing);
      },
    );
    forward.on('error', () => outgoing.destroy());
    incoming.pipe(forward);
  };
  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const bound = await listen(server);
  const proxy: BlobProxy = {
    port: bound,
    seen,
    decide: () => 'pass',
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}
