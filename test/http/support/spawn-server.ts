import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HarnessOptions } from './server-harness.ts';

export interface SpawnedServer {
  url: string;
  process: ChildProcess;
  /** Resolves with exit code and signal. */
  ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

/** Starts a server on these data in a process of its own. */
export async function spawnServer(
  directory: string,
  options: Pick<HarnessOptions, 'env' | 'policy'> = {},
): Promise<SpawnedServer> {
  const given = JSON.stringify({ ...options, directory });
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server-process.ts'), given], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as SpawnedServer['ended'];
  const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  const url = await Promise.race([
    line.then(([text]) => text),
    ended.then(([code]) => Promise.reject(new Error(`the server ended with ${code} before it was up`))),
  ]);
  return { url, process: child, ended };
}
