import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { listen } from '../../support/listen.ts';

export interface WireTap {
  /** `http://127.0.0.1:<port>`, with the path of the target. */
  url: string;
  /** All that was sent to the service so far. */
  sent(): string;
  close(): Promise<void>;
}

/** Passes everything on to a service on loopback, and keeps what is sent to it: what nobody may read back any more, too. */
export async function wireTap(target: string): Promise<WireTap> {
  const { hostname, port, pathname } = new URL(target);
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), hostname);
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on('error', () => [incoming, outgoing].map((each) => each.destroy()));
      socket.on('close', () => sockets.delete(socket));
    }
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.pipe(outgoing).pipe(incoming);
  });
  const bound = await listen(server);
  return {
    url: `http://127.0.0.1:${bound}${pathname}`,
    sent: () => Buffer.concat(chunks).toString('latin1'),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
