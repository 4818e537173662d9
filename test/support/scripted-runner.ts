import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ErrandError } from '../../src/contract/errors.ts';
import { instant, type Clock } from '../../src/core/clock.ts';
import {
  StartRefused,
  type Observation,
  type RunnerDriver,
  type RunnerSpec,
} from '../../src/core/ports/runner-driver.ts';
import type { RunnerCapabilities } from '../../src/core/ports/runner-driver.ts';
import type { RunnerResult } from '../../src/core/runner-result.ts';

export interface ScriptedContainer {
  spec: RunnerSpec;
  state: 'created' | 'running' | 'exited';
  exitCode: number;
  createdAt: string;
  nonce: string;
  /** User code is under way. */
  atWork: boolean;
}

/** What comes of the next create: as it should, or as it can. `slow` goes on until it is aborted, `late` until `release`, whatever is aborted. */
export type CreateOutcome = 'fine' | 'answerLost' | 'neverSent' | 'refused' | 'notStarted' | 'slow' | 'late';

export interface ScriptedPlatform {
  driver: RunnerDriver;
  containers: Map<string, ScriptedContainer>;
  /** Every start of user code, in order. */
  starts: { runId: string; attempt: number }[];
  /** What user code really ended with, by container name. */
  exits: Map<string, number>;
  /** Names of all containers that were ever created, in order. */
  creates: string[];
  /** Called before a container is removed. */
  onRemove: (container: ScriptedContainer) => void;
  /** Called when user code starts. */
  onStart: (container: ScriptedContainer) => void;
  next: CreateOutcome;
  reachable: boolean;
  /** Lets the late creates go on. */
  release(): void;
  /** Creates that are slow or late, and under way. */
  hanging: number;
  maximumRunners: number;
  /** The runner boots: takes the fence, and starts user code if it has it. */
  boot(name: string): void;
  /** User code ends; the runner leaves log and result, and ends with 0. */
  finish(name: string, exitCode: number, changes?: Partial<RunnerResult>): void;
  /** The container ends with nothing written. */
  die(name: string): void;
  /** The container is gone without anybody having asked. */
  vanish(name: string): void;
  /** The platform says that something about the run has changed. */
  tell(runId: string): void;
}

const log = 'one\ntwo\n';

/** A platform whose containers do what a test says, and meet the orchestrator in the real exchange: the fence is a link, as the runner makes it. */
export function scriptedPlatform(clock: Clock): ScriptedPlatform {
  const listeners = new Set<(runId: string) => void>();
  const late: (() => void)[] = [];
  let nonces = 0;

  const platform: ScriptedPlatform = {
    driver: undefined as unknown as RunnerDriver,
    containers: new Map(),
    starts: [],
    exits: new Map(),
    creates: [],
    onRemove: () => undefined,
    onStart: () => undefined,
    next: 'fine',
    reachable: true,
    hanging: 0,
    release: () => {
      for (const resolve of late.splice(0)) resolve();
    },
    maximumRunners: 10,
    boot,
    finish,
    die: (name) => exit(name, 137),
    vanish: (name) => void platform.containers.delete(name),
    tell: (runId) => {
      for (const listener of listeners) listener(runId);
    },
  };

  function boot(name: string): void {
    const container = platform.containers.get(name);
    if (container?.state !== 'running' || container.atWork) return;
    container.nonce = `nonce-${(nonces += 1)}`;
    const fence = { version: 1, by: 'runner', nonce: container.nonce, at: instant(clock.now()) };
    if (!createOnly(container, 'fence', JSON.stringify(fence))) return exit(name, 0);
    container.atWork = true;
    platform.starts.push({ runId: container.spec.runId, attempt: container.spec.attempt });
    platform.onStart(container);
  }

  function finish(name: string, exitCode: number, changes: Partial<RunnerResult> = {}): void {
    const container = platform.containers.get(name);
    if (container?.state !== 'running' || !container.atWork) return;
    platform.exits.set(name, exitCode);
    writeFileSync(join(boxOf(container), 'log'), log);
    const at = instant(clock.now());
    const result: RunnerResult = {
      version: 1,
      nonce: container.nonce,
      started: true,
      exitCode,
      signal: null,
      timedOut: false,
      stopped: false,
      oomKilled: false,
      times: { booted: at, ended: at },
      durationMs: { run: 1 },
      log: { bytes: log.length, lines: 2, droppedBytes: 0, complete: true },
      output: false,
      files: [],
      skippedFiles: 0,
      ...changes,
    };
    createOnly(container, 'result.json', JSON.stringify(result));
    exit(name, 0);
  }

  function exit(name: string, exitCode: number): void {
    const container = platform.containers.get(name);
    if (container === undefined) return;
    container.state = 'exited';
    container.atWork = false;
    container.exitCode = exitCode;
  }

  function reach(): void {
    if (!platform.reachable) throw new ErrandError('platformUnavailable', 'the scripted platform does not answer');
  }

  function add(spec: RunnerSpec, state: ScriptedContainer['state']): void {
    if (platform.containers.has(spec.name))
      throw new StartRefused('nameConflict', `${spec.name} is taken`, { permanent: true });
    platform.creates.push(spec.name);
    platform.containers.set(spec.name, {
      spec,
      state,
      exitCode: 0,
      createdAt: instant(clock.now()),
      nonce: '',
      atWork: false,
    });
  }

  platform.driver = {
    name: 'scripted',
    get capabilities(): RunnerCapabilities {
      return {
        isolation: true,
        exchanges: ['directory' as const],
        view: 'host' as const,
        identity: false,
        networks: ['default' as const, 'none' as const],
        containerWishes: ['user', 'readOnlyRoot', 'capabilities'],
        minimumCpu: 0.1,
        maximumCpu: 4,
        minimumMemoryInGB: 0.1,
        maximumMemoryInGB: 4,
        places: [{ name: 'local', runners: platform.maximumRunners }],
      };
    },
    check: async () => reach(),
    create: async (spec, { signal, progress } = {}) => {
      const outcome = platform.next;
      platform.next = 'fine';
      reach();
      progress?.('creating');
      if (outcome === 'slow') {
        platform.hanging += 1;
        await new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }).finally(() => (platform.hanging -= 1));
      }
      if (outcome === 'late') {
        platform.hanging += 1;
        await new Promise<void>((resolve) => late.push(resolve));
        platform.hanging -= 1;
      }
      if (outcome === 'refused') throw new StartRefused('startError', 'refused by the script', { permanent: false });
      if (outcome === 'neverSent') throw new Error('the request was never sent');
      add(spec, outcome === 'notStarted' ? 'created' : 'running');
      if (outcome === 'notStarted' || outcome === 'answerLost') throw new Error('the answer was lost');
      return { containerId: `id-${spec.name}` };
    },
    observe: async (name): Promise<Observation> => {
      reach();
      const container = platform.containers.get(name);
      if (container === undefined) return { state: 'absent' };
      if (container.state === 'created') return { state: 'created', since: container.createdAt };
      if (container.state === 'running') return { state: 'running', containerId: `id-${name}` };
      return { state: 'exited', exitCode: container.exitCode, oomKilled: false, tail: '' };
    },
    stop: async (name) => {
      reach();
      const container = platform.containers.get(name);
      if (container?.state !== 'running') return;
      if (container.atWork) finish(name, 143, { stopped: true, signal: 'TERM' });
      else exit(name, 143);
    },
    remove: async (name) => {
      reach();
      const container = platform.containers.get(name);
      if (container === undefined) return;
      platform.onRemove(container);
      platform.containers.delete(name);
    },
    async *list({ instanceId }) {
      reach();
      for (const { spec, createdAt } of platform.containers.values()) {
        if (spec.instanceId === instanceId)
          yield { name: spec.name, runId: spec.runId, attempt: spec.attempt, createdAt };
      }
    },
    async *watch({ signal }) {
      const heard: string[] = [];
      let wake = (): void => undefined;
      const listen = (runId: string) => {
        heard.push(runId);
        wake();
      };
      listeners.add(listen);
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const runId = heard.shift();
        if (runId !== undefined) yield { runId };
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
      listeners.delete(listen);
    },
    close: async () => undefined,
  };
  return platform;
}

function boxOf({ spec }: ScriptedContainer): string {
  if (spec.access.kind !== 'directory') throw new Error('the scripted runner has exchanges by directory only');
  return spec.access.exchange;
}

/** Whole from its first moment, and only if nothing has the name. False too where the exchange is gone. */
function createOnly(container: ScriptedContainer, name: string, text: string): boolean {
  const draft = join(boxOf(container), `.draft-${name}`);
  const target = join(boxOf(container), name);
  try {
    writeFileSync(draft, text);
    linkSync(draft, target);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EEXIST' || error.code === 'ENOENT')) return false;
    throw error;
  } finally {
    removeQuietly(draft);
  }
  return readFileSync(target, 'utf8') === text;
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
