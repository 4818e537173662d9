import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

import type Docker from 'dockerode';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { dockerHost } from '../../support/engine.ts';
import type { Loosen } from './place.ts';

/** An engine that gives containers more than they were to have, at a socket in this directory. */
export async function openEngine(directory: string, loosen: Loosen): Promise<{ host: string; close(): Promise<void> }> {
  const docker = dockerClient(dockerHost());
  const { socketPath, host, port } = docker.modem as { socketPath?: string; host?: string; port?: number };
  const target = socketPath === undefined ? { host, port } : { socketPath };

  function pass(incoming: IncomingMessage, outgoing: ServerResponse, body?: Buffer): void {
    const { method, url, headers } = incoming;
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const onward = request({ ...target, method, path: url, headers: { ...headers, ...length } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.on('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    if (body === undefined) incoming.pipe(onward);
    else onward.end(body);
  }

  async function create(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const text = Buffer.concat((await incoming.toArray()) as Buffer[]).toString();
    const wanted = JSON.parse(text) as Docker.ContainerCreateOptions;
    loosen(wanted, new URL(incoming.url ?? '', 'http://engine').searchParams.get('name') ?? '');
    delete incoming.headers['transfer-encoding'];
    pass(incoming, outgoing, Buffer.from(JSON.stringify(wanted)));
  }

  const server = createServer((incoming, outgoing) => {
    if (!/\/containers\/create(?:\?|$)/.test(incoming.url ?? '')) pass(incoming, outgoing);
    else create(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const path = join(directory, 'engine.sock');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, resolve);
  await promise;
  return {
    host: `unix://${path}`,
    close: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}
