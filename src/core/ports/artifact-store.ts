import type { LogFacts, OutputFile } from '../../contract/run.ts';
import type { Instant } from '../run-record.ts';
import type { RunnerResult } from '../runner-result.ts';
import type { Cancelable } from './storage.ts';

export interface ArtifactInfo {
  name: string;
  /** Changes with the content. Opaque. */
  etag: string;
  bytes: number;
  modifiedAt: Instant;
}

export interface AttemptRef {
  runId: string;
  attempt: number;
}

/** Who has the fence of an attempt. An orchestrator's says why it took it, so that whoever finds it can go on. */
export type Fence = { by: 'runner'; nonce: string; at: Instant } | OrchestratorFence;

export interface OrchestratorFence {
  by: 'orchestrator';
  why: FenceReason;
  /** For people; ends up as the message of the attempt. */
  message: string;
  at: Instant;
}

/** What each means for the run is a rule of `decide`. */
export type FenceReason =
  | { kind: 'notCreated' }
  | { kind: 'canceled' }
  | { kind: 'startTimeout' }
  | { kind: 'totalTimeout' }
  | { kind: 'noCapacity'; place: string; retryAfterMs?: number }
  | {
      kind: 'startFailed';
      reason:
        | 'imageUnavailable'
        | 'startError'
        | 'nameConflict'
        | 'secretUnavailable'
        | 'executableUnavailable'
        | 'exitedEarly';
      permanent: boolean;
    };

/** What the runner is told. Values of secrets are in the clear here and nowhere else. */
export interface ExchangePlan {
  taskName: string;
  /** `kept`: its name among the versions, for where the file beside the definition is another by now. */
  executable: { name: string; sha256: string; etag: string; kept: string };
  /** Where the runner will see its files: at the paths of the host, or mounted at `/errand` and `/errand-executable`. */
  view: 'host' | 'mounted';
  runSeconds: number;
  graceSeconds: number;
  logMaxBytes: number;
  waitForIdentity: boolean;
  allowUnfenced: boolean;
  /** Null prototype: parameters and the author's environment. */
  environment: Readonly<Record<string, string>>;
  /** Which of them are secret. */
  secretNames: readonly string[];
}

/** How a runner reaches its exchange. */
export type RunnerAccess =
  | {
      kind: 'directory';
      /** As the machine that the runners run on sees them: the exchange (to `/errand`, writable) and the directory of the executable (to `/errand-executable`, read-only). */
      exchange: string;
      executable: string;
    }
  | {
      kind: 'signedUrls';
      /** What the executable reads and is no secret. Null prototype. */
      plain: Readonly<Record<string, string>>;
      /** Secrets of the executable, and the signed URLs and settings of the runner. Null prototype. */
      secure: Readonly<Record<string, string>>;
    };

export interface Collected {
  log: LogFacts;
  output?: unknown;
  /** Why there is no `output` although the task left something. */
  outputProblem?: string;
  files: OutputFile[];
}

export interface LogSlice {
  /** Byte offset of `bytes` in the log. */
  offset: number;
  bytes: Uint8Array;
  /** Bytes in the log at this moment. */
  size: number;
}

/** Where the runner and the orchestrator meet, for one attempt. A task may have spoiled anything in it: nothing read here is trusted, and nothing outside is reached through it. */
export interface Exchange {
  /**
   * Makes it ready for a runner. Called by the creator of the container, right before the create. Create-only: throws `executableMissing` where the
   * executable is not what was pinned, and a plain Error where this attempt was opened, fenced or discarded before. A creator that was stalled
   * while others gave the attempt up must fail here, so `discard` leaves a mark that only `deleteRun` removes.
   */
  open(plan: ExchangePlan, options?: Cancelable): Promise<RunnerAccess>;

  fence(options?: Cancelable): Promise<Fence | undefined>;

  /** Takes the fence if nobody has it. Answers with the one that stands, ours or not; equality of `at` and `by` with ours means we have it. */
  takeFence(fence: OrchestratorFence, options?: Cancelable): Promise<{ won: boolean; fence: Fence }>;

  /** Undefined where there is none yet; `invalid` where there is one that cannot be read as a result. */
  result(options?: Cancelable): Promise<RunnerResult | { invalid: string } | undefined>;

  /** Makes log and outputs durable, apart from what the container can reach. Repeatable: the same answer again. `result` says what the runner claims to have left. */
  collect(result: RunnerResult | undefined, options?: Cancelable): Promise<Collected>;

  /** A part of the log, live or collected: at most `length` bytes from `offset`. Undefined where there is no log yet. */
  readLog(range: { offset: number; length: number }, options?: Cancelable): Promise<LogSlice | undefined>;

  /** A collected output file. */
  readFile(
    name: string,
    options?: Cancelable,
  ): Promise<{ bytes: number; body: ReadableStream<Uint8Array> } | undefined>;

  /** Yields when fence or result (`state`), or when the log (`log`) may have changed, and once at the beginning. Ends with the signal. */
  watch(of: 'state' | 'log', options: { signal: AbortSignal }): AsyncIterable<void>;

  /** Removes all that the runner needed, whatever state a task left it in; log and outputs stay. Repeatable. */
  discard(options?: Cancelable): Promise<void>;
}

/** A flat folder: names are single segments. An outage throws `artifactsUnavailable` with its cause. */
export interface FileFolder {
  /** Undefined where it is not there; `unchanged` where its ETag is `ifNoneMatch`. */
  get(
    name: string,
    options?: Cancelable & { ifNoneMatch?: string | undefined },
  ): Promise<
    { info: ArtifactInfo; unchanged: true } | { info: ArtifactInfo; unchanged: false; body: Uint8Array } | undefined
  >;

  /** ETag, size and SHA-256 (hex) of a file, without handing out its content. The hash of an unchanged file may come from a cache. */
  describe(name: string, options?: Cancelable): Promise<(ArtifactInfo & { sha256: string }) | undefined>;

  /** Replaces atomically. With `ifMatch` or `ifNoneMatch: '*'` false is answered where the condition does not hold. */
  put(
    name: string,
    body: Uint8Array,
    options?: Cancelable & { ifMatch?: string | undefined; ifNoneMatch?: '*' | undefined },
  ): Promise<ArtifactInfo | false>;

  /** All files, or those whose names begin with `prefix`, by name. */
  list(options?: Cancelable & { prefix?: string | undefined }): AsyncIterable<ArtifactInfo>;

  /** Not there is fine. False where `ifMatch` does not hold. */
  delete(name: string, options?: Cancelable & { ifMatch?: string | undefined }): Promise<boolean>;
}

/** Definitions and executables, where people may put files with the tools they know; apart from them exchanges, and what was pushed before. */
export interface ArtifactStore extends FileFolder {
  /** Earlier versions of tasks; Errand alone writes here. */
  versions: FileFolder;

  exchange(attempt: AttemptRef): Exchange;

  /** Removes everything of a run: exchanges, logs, outputs. Not there is fine. */
  deleteRun(runId: string, options?: Cancelable): Promise<void>;

  /** Ids of runs that have anything here, oldest first, for the sweep. */
  listRuns(options?: Cancelable): AsyncIterable<string>;

  /** Throws where the store cannot be used. For readiness. */
  check(options?: Cancelable): Promise<void>;
}
