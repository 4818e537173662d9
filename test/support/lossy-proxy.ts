import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { listen } from './listen.ts';

/** One request, as the proxy sees it. */
export interface SeenRequest {
  method: string;
  /** Path and query, decoded. */
  url: string;
  /** The SDK gives a request and its retries one id. */
  id: string;
  /** From 0: the try that this is of its request. */
  tries: number;
  /** From 0, of all requests. */
  index: number;
}

/**
 * What becomes of a request: carried out and answered; carried out and its answer lost; lost before it is carried out; or answered by the proxy.
 */
export type Fate =
  | 'pass'
  | 'loseAnswer'
  | 'loseRequest'
  | { status: number; headers?: Record<string, string>; body?: string };

export interface LossyProxy {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  requests: SeenRequest[];
  /** Decides for each request; may be replaced between two. */
  decide: (request: SeenRequest) => Fate | Promise<Fate>;
  /** Bodies of answers that were passed on, as text, with the requests that they answer. */
  answers: { request: SeenRequest; body: string }[];
  stop(): Promise<void>;
}

/** A plain HTTP proxy in front of a service on loopback. */
export async function startLossyProxy(target: string): Promise<LossyProxy> {
  const { hostname, port } = new URL(target);
  const proxy: LossyProxy = {
    origin: '',
    requests: [],
    answers: [],
    decide: () => 'pass',
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  const forward = async (
    method: string,
    path: string,
    headers: IncomingHttpHeaders,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false });
    outgoing.end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 502, headers: answer.headers, body: Buffer.concat(await answer.toArray()) };
  };
  const server = createServer((incoming, outgoing) => {
    const handle = async (): Promise<void> => {
      const { method = 'GET', url = '/', headers } = incoming;
      const body = Buffer.concat(await incoming.toArray());
      const id = String(headers['x-ms-client-request-id']);
      const tries = proxy.requests.filter((earlier) => earlier.id === id).length;
      const seen = { method, url: decodeURIComponent(url), id, tries, index: proxy.requests.length };
      proxy.requests.push(seen);
      const fate = await proxy.decide(seen);
      if (fate === 'loseRequest') return void outgoing.destroy();
      if (typeof fate === 'object') return void outgoing.writeHead(fate.status, fate.headers).end(fate.body ?? '');
      const answer = await forward(method, url, headers, body);
      if (fate === 'loseAnswer') return void outgoing.destroy();
      proxy.answers.push({ request: seen, body: answer.body.toString() });
      outgoing.writeHead(answer.status, answer.headers).end(answer.body);
    };
    handle().catch(() => outgoing.destroy());
  });
  const bound = await listen(server);
  proxy.origin = `http://127.0.0.1:${bound}`;
  return proxy;
}
