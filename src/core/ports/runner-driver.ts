import type { TaskDefinition } from '../../contract/task-definition.ts';
import type { Instant } from '../run-record.ts';
import type { RunnerAccess } from './artifact-store.ts';
import type { Cancelable, Rate } from './storage.ts';

/** What a platform can do, as data: definitions are checked against it when pushed, planned and run. */
export interface RunnerCapabilities {
  /** The image is used, and one task is kept from another. */
  isolation: boolean;
  /** Kinds of exchange that runners here can use. */
  exchanges: readonly RunnerAccess['kind'][];
  /** How the runner sees a directory exchange. */
  view: 'host' | 'mounted';
  identity: boolean;
  networks: readonly ('default' | 'none')[];
  /** Which of these wishes of a definition the platform can grant. */
  containerWishes: readonly ('user' | 'readOnlyRoot' | 'capabilities')[];
  minimumCpu: number;
  maximumCpu: number;
  minimumMemoryInGB: number;
  maximumMemoryInGB: number;
  /** In order of preference. Runs for which there is no room wait. */
  places: readonly [Place, ...Place[]];
}

/** Where a platform creates runners: a region, or `local` on a single machine. */
export interface Place {
  name: string;
  /** Runners at once; one that has ended counts until it is removed. */
  runners: number;
  /** CPUs of all of them together, where that is limited. */
  cpu?: number;
  /** How fast runners may be created and removed, where that is limited. */
  creates?: readonly Rate[];
  removals?: readonly Rate[];
}

export interface RunnerSpec {
  /** Unique for ever: run id and attempt. */
  name: string;
  runId: string;
  attempt: number;
  taskName: string;
  /** Name of the {@link Place}. */
  place: string;
  instanceId: string;
  image: string;
  resources: TaskDefinition['resources'];
  container: TaskDefinition['container'];
  identity: string | undefined;
  access: RunnerAccess;
  graceSeconds: number;
}

export interface CreatedRunner {
  containerId?: string;
  imageDigest?: string;
  region?: string;
  /** When the image had been pulled for it, and how long that took, in milliseconds; missing where it was there, or the platform does not tell. */
  pulledAt?: Instant;
  pullMs?: number;
}

/** What the platform says of a container. `foreign`: the name is there, without our labels. */
export type Observation =
  | { state: 'absent' }
  | { state: 'foreign' }
  /** Created and never started. */
  | { state: 'created'; since: Instant }
  /** Accepted by the platform, and on its way. `phase` is for people. */
  | { state: 'pending'; phase: string }
  /** Accepted at first, and then not carried out, as {@link StartRefused} and {@link NoCapacity} would have said. What is there of it has to be removed. */
  | { state: 'refused'; reason: StartRefused['reason']; message: string; permanent: boolean }
  | { state: 'noCapacity'; message: string; retryAfterMs?: number }
  | { state: 'running'; containerId?: string; imageDigest?: string }
  | {
      state: 'exited';
      exitCode: number;
      oomKilled: boolean;
      /** The last lines that the container printed, for a runner that died early. */ tail: string;
    };

export interface ListedRunner {
  name: string;
  runId: string;
  attempt: number;
  createdAt: Instant;
}

/** Thrown by `create` where the platform said no and certainly started nothing that will not be fenced off. Anything else it throws leaves open what happened. */
export class StartRefused extends Error {
  readonly reason: 'imageUnavailable' | 'startError' | 'nameConflict';
  /** Trying again cannot help. */
  readonly permanent: boolean;

  constructor(reason: StartRefused['reason'], message: string, options: { permanent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'StartRefused';
    this.reason = reason;
    this.permanent = options.permanent;
  }
}

/** Thrown by `create` where the platform has no room, or takes no more requests for a while. Nobody's fault: the run waits or goes to another place, and no attempt is counted. */
export class NoCapacity extends Error {
  /** How long the platform asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'NoCapacity';
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * Starts, observes and stops runners on one platform. It moves requests: no rule lives here. Names are given, never invented. A platform that does
 * not answer throws `platformUnavailable`; only a platform that answers says `absent`.
 */
export interface RunnerDriver {
  name: string;
  capabilities: RunnerCapabilities;

  /** Throws where the platform cannot be used, with the way out. Called at start and for readiness. */
  check(options?: Cancelable): Promise<void>;

  /** Creates and starts one container, once: no retry of a request whose answer may be lost. `progress` is called with a phrase for people. */
  create(spec: RunnerSpec, options?: Cancelable & { progress?: (phase: string) => void }): Promise<CreatedRunner>;

  observe(name: string, options?: Cancelable): Promise<Observation>;

  /** TERM, then KILL after `graceSeconds`. Returns when the container has ended, or is not there. */
  stop(name: string, options: Cancelable & { graceSeconds: number }): Promise<void>;

  /** Removes the container, running or not. Returns when the platform says that it is not there. A foreign container is left alone. */
  remove(name: string, options?: Cancelable): Promise<void>;

  /** All containers that carry our labels of this installation. */
  list(query: { instanceId: string }, options?: Cancelable): AsyncIterable<ListedRunner>;

  /** Yields a run whose container has ended. May miss some and repeat some; ends with the signal, never by itself. */
  watch(options: { instanceId: string; signal: AbortSignal }): AsyncIterable<{ runId: string }>;

  close(): Promise<void>;
}
