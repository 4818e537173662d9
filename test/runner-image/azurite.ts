import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BlobSASPermissions,
  BlobServiceClient,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
} from '@azure/storage-blob';
import type { ContainerClient } from '@azure/storage-blob';
import { freePort, listen } from '../support/listen.ts';

const account = 'devstoreaccount1';
// The emulator's published development key: it opens nothing but an emulator.
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const credential = new StorageSharedKeyCredential(account, key);

export interface Azurite {
  readonly port: number;
  readonly container: ContainerClient;
  /** A signed URL to a blob: `permissions` as in the SAS, through the proxy on `port` where one is given. */
  sign(blob: string, permissions: string, options?: { port?: number; expiresInSeconds?: number }): string;
  stop(): void;
}

/** Blob storage on loopback, in memory. It has outlived SIGTERM before, so it ends by SIGKILL. */
export async function startAzurite(): Promise<Azurite> {
  const port = await freePort();
  const program = resolve(import.meta.dirname, '../../node_modules/.bin/azurite-blob');
  const child = spawn(
    program,
    [
      '--inMemoryPersistence',
      '--silent',
      '--disableTelemetry',
      '--skipApiVersionCheck',
      '--blobHost',
      '127.0.0.1',
      '--blobPort',
      String(port),
    ],
    { stdio: 'ignore' },
  );
  const service = new BlobServiceClient(`http://127.0.0.1:${port}/${account}`, credential, {
    retryOptions: { maxTries: 1 },
  });
  const container = service.getContainerClient('exchange');
  for (let tries = 0; ; tries++) {
    try {
      await container.createIfNotExists();
      break;
    } catch (cause) {
      if (tries > 200) throw new Error('Azurite did not start within 40 seconds', { cause });
      await sleep(200);
    }
  }
  return {
    port,
    container,
    sign: (blob, permissions, options = {}) => {
      const query = generateBlobSASQueryParameters(
        {
          containerName: 'exchange',
          blobName: blob,
          permissions: BlobSASPermissions.parse(permissions),
          expiresOn: new Date(Date.now() + (options.expiresInSeconds ?? 3600) * 1000),
        },
        credential,
      );
      return `http://127.0.0.1:${options.port ?? port}/${account}/exchange/${blob}?${query.toString()}`;
    },
    stop: () => child.kill('SIGKILL'),
  };
}

/** What the proxy does with a request: pass it on, answer 503, drop the connection, or pass it on and lose the answer. */
export type Fault = 'pass' | 'refuse' | 'drop' | 'lose';

export interface Proxy {
  readonly port: number;
  readonly seen: readonly string[];
  stop(): void;
}

/** An HTTP proxy before Azurite that asks `decide` for each request: method, path without query, how often seen so far. */
export async function startProxy(
  target: number,
  decide: (method: string, path: string, query: string, times: number) => Fault,
): Promise<Proxy> {
  const seen: string[] = [];
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const url = new URL(incoming.url ?? '/', 'http://proxy');
    const name = `${incoming.method} ${url.pathname.split('/').at(-1)}${url.searchParams.has('comp') ? ` ${url.searchParams.get('comp')}` : ''}`;
    const times = seen.filter((one) => one === name).length;
    seen.push(name);
    const fault = decide(incoming.method ?? '', url.pathname, url.search, times);
    if (fault === 'drop') {
      outgoing.destroy();
      return;
    }
    if (fault === 'refuse') {
      incoming.resume();
      outgoing.writeHead(503, { 'retry-after': '1' }).end();
      return;
    }
    const forward = request(
      { host: '127.0.0.1', port: target, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        if (fault === 'lose') {
          answer.resume();
          answer.on('end', () => outgoing.destroy());
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forward.on('error', () => outgoing.destroy());
    incoming.pipe(forward);
  };
  const server: Server = createServer(handle);
  return { port: await listen(server), seen, stop: () => server.close() };
}
