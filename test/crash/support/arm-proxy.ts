import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

import type { Verdict } from './faulty-engine.ts';
import { listen } from '../../support/listen.ts';

export interface ArmProxy {
  /** `http://127.0.0.1:<port>` */
  url: string;
  close(): Promise<void>;
}

/** Stands between a victim and the emulator: each request is a point before it reaches it, and before its answer reaches the victim. */
export async function armProxy(target: string, judge: (point: string) => Promise<Verdict>): Promise<ArmProxy> {
  const { hostname, port } = new URL(target);
  const counts = new Map<string, number>();
  const closing = new AbortController();

  function numbered(what: string): string {
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    return `engine.${what}:${count}`;
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = incoming;
    const point = numbered(`${method} ${shapeOf(url)}`);
    const body = Buffer.concat(await incoming.toArray());
    if ((await judge(`${point}:before`)) === 'drop') return void outgoing.destroy();
    // A process that died does not take back what it had asked for.
    const onward = request({ hostname, port, method, path: url, headers, agent: false, signal: closing.signal });
    onward.end(body);
    const [response] = (await once(onward, 'response')) as [IncomingMessage];
    const answer = Buffer.concat(await response.toArray());
    if ((await judge(`${point}:after`)) === 'drop') return void outgoing.destroy();
    const { 'transfer-encoding': _, ...kept } = response.headers;
    const length = response.statusCode === 204 ? {} : { 'content-length': answer.length };
    outgoing.writeHead(response.statusCode ?? 500, { ...kept, ...length }).end(answer);
  }

  const server = createServer((incoming, outgoing) => {
    // What the emulator breaks off is broken off here.
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const bound = await listen(server);
  return {
    url: `http://127.0.0.1:${bound}`,
    close: async () => {
      closing.abort();
      server.closeAllConnections();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** The request without what differs from run to run. */
function shapeOf(url: string): string {
  const { pathname } = new URL(url, 'http://arm');
  return pathname
    .replace(/^\/subscriptions\/[^/]+/, '')
    .replace(/^\/resourceGroups\/[^/]+/i, '')
    .replace(/^\/providers\/[^/]+/, '')
    .replace(/\/containerGroups\/[^/]+/, '/containerGroups/{runner}')
    .replace(/\/operations\/[^/]+/, '/operations/{operation}');
}
