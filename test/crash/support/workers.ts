import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { FromSurvivor, ToSurvivor } from '../survivor.ts';
import type { Setting } from './crash-case.ts';
import { pause, until } from './processes.ts';

const here = import.meta.dirname;

/** A process that waits for its case, loaded already. */
export interface Victim {
  pid: number;
  begin(setting: Setting): void;
  kill(): void;
  /** Undefined while it lives. */
  end(): { code: number | null; signal: NodeJS.Signals | null } | undefined;
  /** What it said on its way. */
  said(): string;
}

export interface Survivor {
  recover(setting: Setting, client: { asks: boolean; answered: readonly string[] }): void;
  /** What it had to say since it began to recover: failures, and answers to the client by key. */
  failures(): readonly string[];
  answers(): ReadonlyMap<string, string>;
  /** False where it did not come to an end: it was killed, and must not be used again. */
  stop(): Promise<boolean>;
  end(): void;
}

export interface Workers {
  victim(): Victim;
  survivor(): Survivor;
  close(): Promise<void>;
}

/** Processes of the harness. Victims are started ahead, since loading takes longer than most of what they live through. */
export function workers(): Workers {
  const cache = mkdtempSync(join(tmpdir(), 'errand-compiled-'));
  const children = new Set<ChildProcess>();
  let next: Victim | undefined;

  function start(file: string): { child: ChildProcess; said: () => string } {
    const child = fork(join(here, '..', file), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: cache, NODE_NO_WARNINGS: '1' },
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    // A message to a process that has just died is no news.
    child.on('error', () => undefined);
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-4_000);
    });
    return { child, said: () => text };
  }

  function startVictim(): Victim {
    const { child, said } = start('victim.ts');
    let end: ReturnType<Victim['end']>;
    child.once('exit', (code, signal) => {
      end = { code, signal };
    });
    return {
      pid: child.pid ?? 0,
      begin: (setting) => void child.send(setting),
      kill: () => void child.kill('SIGKILL'),
      end: () => end,
      said,
    };
  }

  function startSurvivor(): Survivor {
    const { child, said } = start('survivor.ts');
    let failures: string[] = [];
    let answers = new Map<string, string>();
    let isStopped = false;
    child.on('message', (message: FromSurvivor) => {
      if (message.type === 'failed') failures.push(message.error);
      else if (message.type === 'answered') answers.set(message.what, message.runId);
      else isStopped = true;
    });
    child.once('exit', (code, signal) => failures.push(`a survivor ended by itself (${signal ?? code}): ${said()}`));
    const tell = (message: ToSurvivor): void => void child.send(message);
    return {
      recover: (setting, { asks, answered }) => {
        failures = [];
        answers = new Map();
        isStopped = false;
        tell({ type: 'recover', setting, asks, answered: [...answered] });
      },
      failures: () => failures,
      answers: () => answers,
      stop: async () => {
        tell({ type: 'stop' });
        if (await until(15_000, () => isStopped || child.exitCode !== null)) return true;
        child.kill('SIGKILL');
        return false;
      },
      end: () => void child.kill('SIGKILL'),
    };
  }

  return {
    victim: () => {
      const ready = next ?? startVictim();
      next = startVictim();
      return ready;
    },
    survivor: startSurvivor,
    close: async () => {
      for (const child of children) child.kill('SIGKILL');
      while (children.size > 0) await pause(10);
      await rm(cache, { recursive: true, force: true });
    },
  };
}
