import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface RunningScript {
  child: ChildProcessByStdio<null, Readable, Readable>;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Resolves once this has been printed. */
  printed(text: string): Promise<void>;
}

/** A TypeScript file in a process of its own. */
export function runScript(script: string, ...args: string[]): RunningScript {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, ...output }));
  });
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return {
    child,
    ended,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.stdout.includes(text)) resolve();
        };
        child.stdout.on('data', look);
        child.on('close', () => reject(new Error(`${script} ended before it printed ${text}: ${output.stderr}`)));
        look();
      }),
  };
}
