import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { parserRefusals, refuseAddress } from './refused-request.ts';

export interface ServerOptions {
  app: { fetch(request: Request): Response | Promise<Response> };
  host: string;
  /** 0 takes any that is free. */
  port: number;
  /** Whether the app asks for API keys: without them nothing but this machine is served. */
  hasKeys: boolean;
  /** Aborted when the server begins to stop; hand its signal to the app, which then refuses requests and ends event streams. */
  closing: AbortController;
  /** What else has to end, after the last request was answered. */
  onClose(): Promise<void>;
  clock: Clock;
  logger: Logger;
  /** Connections at once; further ones are closed at once. */
  maxConnections?: number;
  /** How long answers under way may take once the server is stopping, in milliseconds. */
  patienceMs?: number;
  /** How long the steps under way may take after that, in milliseconds: an image that is being pulled is not waited for. */
  stepsMs?: number;
  /** How long the headers of a request may take to arrive, in milliseconds. The app itself bounds bodies. */
  headersMs?: number;
  /** How long a whole request may take to arrive, in milliseconds: an executable is the largest. */
  requestMs?: number;
}

export interface RunningServer {
  url: string;
  /** Takes no further connection, refuses further requests, waits for answers and steps under way. Running tasks are left alone. Repeatable. */
  close(): Promise<void>;
}

const maxHeaderSize = 16 * 1024;
const checkMs = 1_000;
const idleLookMs = 100;

/** Puts the app behind a socket. Throws `invalidConfiguration` where it may not or cannot listen there. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const {
    app,
    host,
    port,
    closing,
    clock,
    logger,
    hasKeys,
    maxConnections = 10_000,
    patienceMs = 10_000,
    stepsMs = 30_000,
    headersMs = 10_000,
    requestMs = 600_000,
  } = options;
  if (!hasKeys && !isLoopback(host)) {
    throw new ErrandError(
      'invalidConfiguration',
      `without API keys everybody who reaches ${host} could run tasks: set ERRAND_API_KEYS_FILE ("errand keys create" makes a key), or ERRAND_HOST=127.0.0.1`,
    );
  }
  const listener = getRequestListener((request) => app.fetch(request), {
    overrideGlobalObjects: false,
    errorHandler: (error) => {
      if (error instanceof RequestError) return refuseAddress();
      throw error;
    },
  });
  const refusals = parserRefusals(clock);
  const server = createServer({
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(checkMs, headersMs),
    maxHeaderSize,
    keepAlive: true,
    // One without Host is refused below, like one whose Host is none.
    requireHostHeader: false,
  });
  server.on('clientError', refusals.refuse);
  // What is expected beyond "100-continue" may be left alone (RFC 9110, section 10.1.1).
  server.on('checkExpectation', (incoming, outgoing) => server.emit('request', incoming, outgoing));
  server.on('request', (incoming, outgoing) => {
    refusals.answering(incoming, outgoing);
    listener(incoming, outgoing).catch((error: unknown) => {
      logger.error({ err: error }, 'an answer could not be sent');
      outgoing.destroy();
    });
  });
  server.maxConnections = maxConnections;
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    throw cannotListen(host, port, cause);
  });

  async function stop(): Promise<void> {
    closing.abort();
    const closed = once(server, 'close');
    server.close();
    const stopImpatience = clock.after(patienceMs, () => {
      logger.warn({}, 'some answers took too long; their connections are closed');
      server.closeAllConnections();
    });
    const stopClearing = closeWhatIsIdle();
    await closed;
    stopImpatience();
    stopClearing();
    await within(stepsMs, options.onClose());
  }

  /** A connection becomes idle when its answer ends, and nothing else tells it that the server has stopped. */
  function closeWhatIsIdle(): () => void {
    let cancel = (): void => {};
    const look = (): void => {
      server.closeIdleConnections();
      cancel = clock.after(idleLookMs, look);
    };
    look();
    return () => cancel();
  }

  async function within(ms: number, work: Promise<void>): Promise<void> {
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancel = clock.after(ms, () => {
        logger.warn({}, 'some steps took too long; the next start takes them up again');
        resolve();
      });
    });
    await Promise.race([work, late]).finally(() => cancel());
  }

  let stopped: Promise<void> | undefined;
  return { url: urlOf(host, server.address()), close: () => (stopped ??= stop()) };
}

/** Ends the process in good order on SIGTERM and SIGINT; a second signal ends it at once. */
export function closeOnSignal(server: RunningServer, logger: Logger): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping: tasks under way go on, and are found again at the next start');
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop in good order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function urlOf(host: string, address: AddressInfo | string | null): string {
  const port = address === null || typeof address === 'string' ? '' : `:${address.port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}${port}`;
}

function cannotListen(host: string, port: number, cause: unknown): ErrandError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const why =
    code === 'EADDRINUSE'
      ? 'another program uses this port: end it (another "errand dev"?), or set ERRAND_PORT to a free one'
      : code === 'EACCES'
        ? 'this user may not use this port: set ERRAND_PORT to one above 1023'
        : 'this address is not of this machine: set ERRAND_HOST';
  return new ErrandError('invalidConfiguration', `cannot listen on ${host}:${port}: ${why}`, { cause });
}
