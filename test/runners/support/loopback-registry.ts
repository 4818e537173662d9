import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { listen } from '../../support/listen.ts';

export interface LoopbackRegistry {
  /** `127.0.0.1:port`; engines take registries on loopback without TLS. */
  host: string;
  /** Value of every Authorization header that came. */
  authorizations: Set<string>;
  close(): Promise<void>;
}

export interface RegistryOptions {
  /** Layers of the image `tool:1`, as tar archives. Every other name is unknown here. */
  layers: readonly Buffer[];
  /** `user:password` that must be given. */
  login?: string;
  /** Answers nothing once it is asked for a layer. */
  silent?: boolean;
  /** Answers every request for a manifest with this. */
  answer?: { status: number; code: string };
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';

const digest = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** As much of a registry as a pull needs. Source: the distribution project's "HTTP API V2" and "Image Manifest V 2, Schema 2". */
export async function loopbackRegistry(options: RegistryOptions): Promise<LoopbackRegistry> {
  const blobs = new Map<string, Buffer>();
  const put = (content: Buffer): { digest: string; size: number } => {
    blobs.set(digest(content), content);
    return { digest: digest(content), size: content.length };
  };
  const config = put(
    Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Cmd: ['sh'] },
        rootfs: { type: 'layers', diff_ids: options.layers.map(digest) },
      }),
    ),
  );
  const layers = options.layers.map((layer) => ({
    mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    ...put(gzipSync(layer)),
  }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...config },
      layers,
    }),
  );
  const authorizations = new Set<string>();
  const expected = options.login === undefined ? undefined : `Basic ${Buffer.from(options.login).toString('base64')}`;

  function fail(answer: ServerResponse, status: number, code: string): void {
    answer.writeHead(status, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ errors: [{ code, message: `${code} says the registry of the test` }] }));
  }

  function handle(incoming: IncomingMessage, answer: ServerResponse): void {
    const { authorization } = incoming.headers;
    if (authorization !== undefined) authorizations.add(authorization);
    if (expected !== undefined && authorization !== expected) {
      answer.setHeader('www-authenticate', 'Basic realm="test"');
      return fail(answer, 401, 'UNAUTHORIZED');
    }
    const url = incoming.url ?? '';
    if (url === '/v2/') return void answer.writeHead(200).end('{}');
    if (url.includes('/manifests/')) {
      if (options.answer !== undefined) return fail(answer, options.answer.status, options.answer.code);
      if (url !== '/v2/tool/manifests/1' && !url.endsWith(digest(manifest)))
        return fail(answer, 404, 'MANIFEST_UNKNOWN');
      answer.writeHead(200, {
        'content-type': manifestType,
        'content-length': manifest.length,
        'docker-content-digest': digest(manifest),
      });
      return void answer.end(incoming.method === 'HEAD' ? undefined : manifest);
    }
    const blob = blobs.get(url.slice(url.lastIndexOf('/') + 1));
    if (blob === undefined) return fail(answer, 404, 'BLOB_UNKNOWN');
    if (options.silent === true) return;
    answer.writeHead(200, { 'content-length': blob.length });
    answer.end(blob);
  }

  const server = createServer(handle);
  return {
    host: `127.0.0.1:${await listen(server)}`,
    authorizations,
    close: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}
