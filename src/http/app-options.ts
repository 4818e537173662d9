import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Orchestrator } from '../core/orchestrator.ts';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { Storage } from '../core/ports/storage.ts';
import type { TraceContext } from '../core/trace-context.ts';
import type { Callers, Principal } from './api-keys.ts';
import type { Dashboard } from './dashboard.ts';

export interface AppOptions {
  orchestrator: Orchestrator;
  /** For logs, outputs and what is known of executables. */
  artifacts: Pick<ArtifactStore, 'exchange' | 'describe'>;
  /** For the metrics. */
  storage: Pick<Storage, 'countOpen'>;
  clock: Clock;
  logger: Logger;
  /** Shown in the OpenAPI document. */
  version: string;
  /** Without keys everybody who reaches the app may do everything, and only requests from this machine are taken. */
  keys?: Callers | undefined;
  /** Served at `/` where it is given. Its files are open to all: what they show comes from the API, which asks for a key. */
  dashboard?: Dashboard | undefined;
  /** Once it aborts, requests are answered with `shuttingDown` and event streams end. */
  closing?: AbortSignal | undefined;
  /** How long one event stream may last, in seconds; it then ends with `retry:` and the reader comes back. Without it, until the run has ended. */
  streamSeconds?: number | undefined;
  /** Between two signs of life on a quiet event stream, in milliseconds. */
  heartbeatMs?: number | undefined;
  /** How long the body of a JSON request may take to arrive, in milliseconds. */
  bodyMs?: number | undefined;
  /** `internal` where the host tells of the request itself, so that it is not counted twice. `server` unless given. */
  requestSpan?: 'server' | 'internal' | undefined;
}

/** What the middleware leaves for the handlers. */
export interface AppEnv {
  Variables: { requestId: string; principal: Principal; traceContext: TraceContext | undefined };
}
