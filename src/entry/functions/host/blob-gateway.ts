import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface BlobGatewayOptions {
  /** Address of the blob service, with the account in its path. */
  target: string;
  /** Where to listen on this machine. */
  host: string;
  /** Under which name runners find it; `host` unless given. */
  seenAs?: string;
  /** Is told the subject of each event that Azure would send: a blob was created, and answered so. Its promise is waited for before the runner has its answer. */
  onCreated(subject: string): Promise<void>;
  onError(error: unknown): void;
}

export interface BlobGateway {
  /** The blob service as runners see it. */
  url: string;
  close(): Promise<void>;
}

/**
 * The way of runners to a blob service that listens on loopback, and what Event Grid is on Azure: it tells when a blob was created. Signatures
 * do not cover the host, so requests go through as they are.
 */
export async function blobGateway(options: BlobGatewayOptions): Promise<BlobGateway> {
  const target = new URL(options.target);
  const server = createServer((incoming, outgoing) => pass(target, options, incoming, outgoing));
  server.listen(0, options.host);
  await once(server, 'listening');
  return {
    url: `http://${options.seenAs ?? options.host}:${(server.address() as AddressInfo).port}${target.pathname}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function pass(target: URL, options: BlobGatewayOptions, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { host: _, ...headers } = incoming.headers;
  const forwarded = httpRequest(
    { host: target.hostname, port: target.port, method: incoming.method, path: incoming.url, headers },
    (answer) => {
      const bring = (): void => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      };
      const subject = answer.statusCode === 201 ? subjectOf(target, incoming) : undefined;
      if (subject === undefined) bring();
      else options.onCreated(subject).catch(options.onError).finally(bring);
    },
  );
  forwarded.on('error', (error) => {
    options.onError(error);
    outgoing.destroy();
  });
  outgoing.on('close', () => forwarded.destroy());
  incoming.pipe(forwarded);
}

/** As Azure names a blob that was put whole. Appended blocks and the like are no creations. */
function subjectOf(target: URL, { method, url = '' }: IncomingMessage): string | undefined {
  const { pathname, searchParams } = new URL(url, target);
  if (method !== 'PUT' || searchParams.has('comp') || !pathname.startsWith(`${target.pathname}/`)) return undefined;
  const [container, ...name] = decodeURIComponent(pathname.slice(target.pathname.length + 1)).split('/');
  return `/blobServices/default/containers/${container}/blobs/${name.join('/')}`;
}
