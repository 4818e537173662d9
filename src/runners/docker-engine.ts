import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type Dockerode from 'dockerode';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { EngineAnswer, statusOf, unreachable } from './docker-errors.ts';

/** Where the engine listens, as data: whoever reads the environment (`DOCKER_HOST`, `DOCKER_CERT_PATH`) fills it in. */
export type DockerConnection =
  | { socketPath: string }
  | {
      host: string;
      port: number;
      tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } | undefined;
    };

export interface CallOptions extends Cancelable {
  /** HTTP statuses that the caller handles: they are thrown as {@link EngineAnswer}. All others become `platformUnavailable`. */
  handles?: readonly number[];
  /** How long the engine may take. Default: 30,000. */
  timeoutMs?: number;
}

export interface DockerEngine {
  /** The connection, for messages. */
  address: string;
  /** One request, sent once, with a time limit: an engine that stays silent never holds up its caller. `what` completes "Docker could not …". */
  call<T>(
    what: string,
    options: CallOptions,
    send: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  close(): void;
}

const defaultTimeoutMs = 30_000;

export function dockerEngine(connection: DockerConnection, clock: Clock): DockerEngine {
  const address = addressOf(connection);
  // A kept connection that the engine has closed meanwhile makes a request look lost; a start must never look lost without need.
  const agent =
    'tls' in connection && connection.tls !== undefined
      ? new TlsAgent({ keepAlive: false })
      : new Agent({ keepAlive: false });
  let client: Promise<Dockerode> | undefined;

  return {
    address,

    async call(what, { signal, handles = [], timeoutMs = defaultTimeoutMs }, send) {
      signal?.throwIfAborted();
      client ??= import('dockerode').then(({ default: Docker }) => new Docker(clientOptions(connection, agent)));
      const docker = await client;
      const limit = new AbortController();
      const silent = new Error(`no answer within ${Math.round(timeoutMs / 1000)} s`);
      const disarm = clock.after(timeoutMs, () => limit.abort(silent));
      const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
      try {
        return await orAborted(send(docker, either), either);
      } catch (error) {
        signal?.throwIfAborted();
        const status = statusOf(error);
        if (status === undefined) throw unreachable(what, address, limit.signal.aborted ? silent : error);
        const answer = new EngineAnswer(status, error);
        if (handles.includes(status)) throw answer;
        throw new ErrandError('platformUnavailable', `Docker could not ${what}: ${answer.message} (HTTP ${status}).`, {
          cause: error,
        });
      } finally {
        disarm();
      }
    },

    close: () => agent.destroy(),
  };
}

/** Some requests of the client ignore the signal until the first byte of an answer. */
async function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Every field is given, for the client fills gaps from environment variables of its own choice. */
function clientOptions(connection: DockerConnection, agent: Agent): Dockerode.DockerOptions {
  const none = { ca: undefined, cert: undefined, key: undefined };
  const options =
    'socketPath' in connection
      ? { ...none, socketPath: connection.socketPath, host: undefined, port: undefined, protocol: 'http' as const }
      : {
          ...none,
          ...connection.tls,
          socketPath: undefined,
          host: connection.host,
          port: connection.port,
          protocol: connection.tls === undefined ? ('http' as const) : ('https' as const),
        };
  // The client's types leave out `agent`, which its transport documents.
  const withAgent = { ...options, agent };
  return withAgent;
}

function addressOf(connection: DockerConnection): string {
  if ('socketPath' in connection) return `unix://${connection.socketPath}`;
  return `tcp://${connection.host}:${connection.port}`;
}
