import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

export interface EngineProxy {
  socketPath: string;
  /** Method and path of each request, without its query and API version. */
  seen: string[];
  /** Passes matching requests on, and drops their answers. */
  loseAnswers(pattern: RegExp | undefined): void;
  /** Answers matching requests with success and another body than the engine's. */
  forge(pattern: RegExp, body: string): void;
  /** Breaks every answer under way, as a restart of the engine does. */
  breakConnections(): void;
  close(): Promise<void>;
}

/** Stands between a driver and the engine at `target`, and misbehaves on demand. Each request has a connection of its own, as those of the driver have: no kept one that is just closing. */
export async function engineProxy(directory: string, target: string): Promise<EngineProxy> {
  const seen: string[] = [];
  const open = new Set<ServerResponse>();
  let lost: RegExp | undefined;
  let forged: { pattern: RegExp; body: string } | undefined;

  function pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const line = `${incoming.method} ${(incoming.url ?? '').split('?')[0]}`;
    seen.push(line);
    open.add(answer);
    answer.on('close', () => open.delete(answer));
    const { url, method, headers } = incoming;
    const onward = request({ socketPath: target, path: url, method, headers, agent: false }, (response) => {
      if (lost?.test(line)) {
        // The engine answers when the work is done.
        answer.destroy();
        return;
      }
      if (forged?.pattern.test(line) === true) {
        response.resume();
        answer.writeHead(200).end(forged.body);
        return;
      }
      answer.writeHead(response.statusCode ?? 500, response.headers);
      answer.flushHeaders();
      response.on('error', () => answer.destroy());
      response.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }

  const server = createServer(pass);
  const socketPath = join(directory, 'proxy.sock');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(socketPath, resolve);
  await promise;

  return {
    socketPath,
    seen,
    loseAnswers: (pattern) => {
      lost = pattern;
    },
    forge: (pattern, body) => {
      forged = { pattern, body };
    },
    breakConnections: () => {
      for (const answer of open) answer.destroy();
    },
    close: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}
