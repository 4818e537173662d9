import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runnerScript } from './shells.ts';
import type { Shell } from './shells.ts';

export interface TaskSpec {
  /** The executable's content; `#!/bin/sh` is put in front of a text that has no first line of that kind. */
  readonly script: string | Buffer;
  readonly secrets?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Lines of shell that the runner takes over with its ticket: for moments in it that nobody meets by waiting. */
  readonly inside?: string;
  /** Ticket variables that differ from the usual ones. */
  readonly ticket?: Readonly<Record<string, string>>;
}

/** The result that a runner leaves, as far as the tests look at it. */
export interface Result {
  readonly version: number;
  readonly nonce: string;
  readonly started: boolean;
  readonly reason?: string;
  readonly message?: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly stopped: boolean;
  readonly oomKilled: boolean;
  readonly times: { booted: string; fenced: string; ended: string };
  readonly durationMs: { fetch: number; run: number };
  readonly log: { bytes: number; lines: number; droppedBytes: number; complete: boolean };
  readonly output: boolean;
  readonly files: readonly { name: string; bytes: number; slot?: number }[];
  readonly skippedFiles: number;
}

export interface Exchange {
  readonly root: string;
  readonly directory: string;
  readonly executable: string;
  readonly ticket: string;
  result(): Result;
  has(name: string): boolean;
  read(name: string): Buffer;
  remove(): void;
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

export function executableOf(script: string | Buffer): Buffer {
  if (typeof script !== 'string') return script;
  return Buffer.from(script.startsWith('#!') ? script : `#!/bin/sh\n${script}\n`);
}

/** Prepares a directory exchange as the orchestrator does, below a directory: executable, ticket, nothing else. */
export function exchangeFor(task: TaskSpec, below = tmpdir()): Exchange {
  const root = mkdtempSync(join(below, 'errand-exchange-'));
  const directory = join(root, 'exchange');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  const content = executableOf(task.script);
  const executable = join(root, 'task');
  writeFileSync(executable, content, { mode: 0o555 });
  const variables: Record<string, string> = {
    ERRAND_RUN_ID: '01RUN',
    ERRAND_ATTEMPT: '1',
    ERRAND_TASK: 'Hello',
    ERRAND_EXECUTABLE: executable,
    ERRAND_EXECUTABLE_SHA256: createHash('sha256').update(content).digest('hex'),
    ERRAND_RUN_SECONDS: '60',
    ERRAND_GRACE_SECONDS: '5',
    ERRAND_LOG_MAX_BYTES: '67108864',
    ERRAND_SECRET_NAMES: (task.secrets ?? []).join(' '),
    ERRAND_IDENTITY: '',
    ...task.ticket,
  };
  const ticket = [
    ...Object.entries(variables).map(([name, value]) => `${name}=${quote(value)}`),
    'errand_environment() {',
    ...Object.entries(task.environment ?? {}).map(([name, value]) => `export ${name}=${quote(value)}`),
    ':',
    '}',
    task.inside ?? '',
    '',
  ].join('\n');
  writeFileSync(join(directory, 'ticket'), ticket);
  return {
    root,
    directory,
    executable,
    ticket,
    result: () => JSON.parse(readFileSync(join(directory, 'result.json'), 'utf8')) as Result,
    has: (name) => existsSync(join(directory, name)),
    read: (name) => readFileSync(join(directory, name)),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly ms: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once the runner's stdout contains the text. */
  printed(text: string): Promise<void>;
}

export interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly path?: string;
}

/** Starts the runner under a shell with these arguments, in a process group of its own and with a bare environment. */
export function startRunner(shell: Shell, args: readonly string[], options: StartOptions = {}): Running {
  const [program, ...first] = shell.command;
  const started = performance.now();
  const child = spawn(program, [...first, runnerScript, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: options.path ?? shell.path, HOME: '/', ...options.environment },
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const watchers = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    out.push(chunk);
    for (const watcher of watchers) watcher();
  });
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const ended = new Promise<Ended>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => {
      done({
        code,
        stdout: Buffer.concat(out),
        stderr: Buffer.concat(err).toString(),
        ms: performance.now() - started,
      });
    });
  });
  const printed = (text: string): Promise<void> =>
    new Promise((done, fail) => {
      const look = (): void => {
        if (Buffer.concat(out).includes(text)) {
          watchers.delete(look);
          done();
        }
      };
      watchers.add(look);
      look();
      void ended.then(() => fail(new Error(`the runner ended without printing ${text}`)));
    });
  return { child, ended, printed };
}

/** Runs a task under a shell from beginning to end, hands what is left to `check`, and cleans up. */
export async function attempt(
  shell: Shell,
  task: TaskSpec,
  check: (exchange: Exchange, ended: Ended) => void | Promise<void>,
  during?: (running: Running, exchange: Exchange) => Promise<void>,
  options: StartOptions = {},
): Promise<void> {
  const exchange = exchangeFor(task);
  try {
    const running = startRunner(shell, [exchange.directory], options);
    await during?.(running, exchange);
    await check(exchange, await running.ended);
  } finally {
    exchange.remove();
  }
}
