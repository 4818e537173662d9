import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { cleanEnvironment } from '../../entry/support/cli.ts';

/** Errand in a process of its own, whose memory and secrets are its own, too. */
export interface OrchestratorProcess {
  url: string;
  port: number;
  pid: number;
  /** Memory now, and the most it has ever been, in bytes. */
  memory(): { now: number; peak: number };
  /** From here on `peak` is counted anew. */
  forgetPeak(): void;
  /** What it has said on standard error. */
  said(): string;
  /** Stops it as SIGTERM does. */
  stop(): Promise<void>;
}

/** Starts a program that says its URL, in a line of JSON or alone, once it serves. */
export async function startOrchestrator(
  program: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<OrchestratorProcess> {
  const child = spawn(process.execPath, program, {
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'exit');
  const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  const url = await Promise.race([
    line.then(([text]) => /https?:\/\/[^"\s]+/.exec(text)?.[0] ?? ''),
    ended.then(() => Promise.reject(new Error(`the orchestrator ended before it was up: ${said}`))),
  ]);
  const status = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) *
    1024;
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    memory: () => ({ now: status('VmRSS'), peak: status('VmHWM') }),
    // proc(5): 5 sets the peak to what it is now.
    forgetPeak: () => writeFileSync(`/proc/${child.pid}/clear_refs`, '5'),
    said: () => said,
    stop: async () => {
      process.off('exit', kill);
      child.kill('SIGTERM');
      await ended;
    },
  };
}
