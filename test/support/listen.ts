import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Has a server listen, on this machine unless told otherwise, at a port that the kernel chooses. Resolves to that port. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** One at which nobody listens: it was just given back. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await server[Symbol.asyncDispose]();
  return port;
}
