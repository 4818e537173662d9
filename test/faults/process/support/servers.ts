import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { FromServer, Setting, ToServer } from './setting.ts';

/** A server in a process of its own. */
export interface ServerProcess {
  url: string;
  pid: number;
  /** False once the process has ended, however that came. */
  isUp(): boolean;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, upon which it ends in good order. Answers with exit code or signal. */
  end(): Promise<number | NodeJS.Signals | null>;
  /** What it wrote to standard error. */
  said(): string;
}

/** One of this version, which the harness has a word in. */
export interface Server extends ServerProcess {
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  /** Sets its clock forward by so much, or back. */
  step(ms: number): Promise<void>;
}

export interface ServerOptions {
  /** How many files and sockets it may have open. */
  descriptors?: number;
}

const program = join(import.meta.dirname, 'server-process.ts');
const upWithinMs = 60_000;

/** Starts a server and waits until it serves. Throws where it ends before. */
export async function startServer(setting: Setting, { descriptors }: ServerOptions = {}): Promise<Server> {
  const command = [process.execPath, program, JSON.stringify(setting)];
  const limit = ['/bin/sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh'];
  const [first = '', ...rest] = descriptors === undefined ? command : [...limit, ...command];
  const child = spawn(first, rest, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' },
  });
  const up = await whenUp(
    child,
    next(child, 'ready').then(({ url }) => url),
  );
  return {
    ...up,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    step: async (ms) => {
      const stepped = next(child, 'stepped');
      const message: ToServer = { stepMs: ms };
      child.send(message);
      await stepped;
    },
  };
}

/** Waits until a server says where it serves. Throws where it ends before. */
export async function whenUp(child: ChildProcess, ready: Promise<string>): Promise<ServerProcess> {
  // A message to a process that has just died is no news.
  child.on('error', () => undefined);
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-4_000);
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const failed = ended.then(([code, signal]) =>
    Promise.reject(new Error(`the server ended with ${signal ?? code}: ${text}`)),
  );
  // Its end is a failure only as long as it is waited for.
  failed.catch(() => undefined);
  return {
    url: await Promise.race([ready, failed]),
    pid: child.pid ?? 0,
    isUp: () => child.exitCode === null && child.signalCode === null,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    end: async () => {
      child.kill('SIGTERM');
      const [code, signal] = await ended;
      return signal ?? code;
    },
    said: () => text,
  };
}

async function next<T extends FromServer['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<FromServer, { type: T }>> {
  const signal = AbortSignal.timeout(upWithinMs);
  for (;;) {
    const [message] = (await once(child, 'message', { signal })) as [FromServer];
    if (message.type === type) return message as Extract<FromServer, { type: T }>;
  }
}
