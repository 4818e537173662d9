import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { noStorage, type Listening, type SoakSetting } from './soak-setting.ts';

/** One orchestrator after the other on the same data. */
export interface Lives {
  /** Of the one that takes requests; undefined while none does. */
  url(): string | undefined;
  /** Ends it with SIGKILL, wherever it is, and lets the next one begin. */
  kill(): void;
  kills(): number;
  /** Ends that nobody had asked for. */
  problems(): readonly string[];
  /** Ends the last one in good order, and all that waited to be next. */
  stop(): Promise<void>;
}

const stopMs = 60_000;

/** The next one is started ahead, and waits for its setting: loading takes longer than most of what it lives through. */
export function lives(setting: SoakSetting): Lives {
  const cache = mkdtempSync(join(tmpdir(), 'errand-compiled-'));
  const problems: string[] = [];
  const children = new Set<ChildProcess>();
  const mayEnd = new Set<ChildProcess>();
  let kills = 0;
  let isStopping = false;
  let current: { child: ChildProcess; url: string | undefined };
  let next = start();

  function start(): ChildProcess {
    const child = fork(join(import.meta.dirname, '..', 'orchestrator.ts'), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: cache, NODE_NO_WARNINGS: '1' },
    });
    children.add(child);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
    });
    // A message to a process that has just died is no news.
    child.on('error', () => undefined);
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (mayEnd.has(child)) return;
      if (code !== noStorage) problems.push(`an orchestrator ended by itself (${signal ?? code}): ${said}`);
      if (!isStopping && child === current.child) begin();
    });
    return child;
  }

  function begin(): void {
    const life = { child: next, url: undefined as string | undefined };
    current = life;
    life.child.once('message', ({ url }: Listening) => {
      life.url = url;
    });
    life.child.send(setting);
    next = start();
  }

  begin();

  function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): void {
    mayEnd.add(child);
    child.kill(signal);
  }

  return {
    url: () => current.url,
    kill: () => {
      kills += 1;
      end(current.child, 'SIGKILL');
      begin();
    },
    kills: () => kills,
    problems: () => problems,
    stop: async () => {
      if (isStopping) return;
      isStopping = true;
      end(next, 'SIGKILL');
      const { child } = current;
      if (children.has(child)) {
        const ended = once(child, 'exit', { signal: AbortSignal.timeout(stopMs) });
        end(child, 'SIGTERM');
        const [code, signal] = (await ended.catch(() => [undefined, 'no end in time'])) as [unknown, unknown];
        if (code !== 0) problems.push(`the last orchestrator did not stop in good order (${String(signal ?? code)})`);
        child.kill('SIGKILL');
      }
      await rm(cache, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
