import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import type { ServerFigures, ServerSettings } from './server-process.ts';

export interface FuzzServer {
  url: string;
  pid: number;
  /** How it ended, once it has. */
  ended(): string | undefined;
  /** The same, for somebody whose connection has just been closed: the end may not have been told yet. */
  endedWithin(ms: number): Promise<string | undefined>;
  figures(): Promise<ServerFigures>;
  /** Ends all runs; answers with what of the promise was not kept. */
  settle(): Promise<string[]>;
  dispose(): Promise<void>;
}

/** Starts a server in a process of its own, on data of its own. */
export async function fuzzServer(settings: Omit<ServerSettings, 'directory'> = {}): Promise<FuzzServer> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-fuzz-'));
  const child = spawn(
    process.execPath,
    ['--expose-gc', join(import.meta.dirname, 'server-process.ts'), JSON.stringify({ directory, ...settings })],
    { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] },
  );
  let lastWords = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-2_000);
  });
  let end: string | undefined;
  const exit = once(child, 'exit');
  child.on('exit', (code, signal) => {
    end = `it ended with ${signal ?? code}: ${lastWords}`;
  });
  // Messages come in the order of the questions, one at a time.
  const answer = async (): Promise<unknown> => {
    const gone = exit.then(() => Promise.reject(new Error(`the server is gone: ${end}`)));
    const [message] = (await Promise.race([once(child, 'message'), gone])) as [unknown];
    return message;
  };
  let last: Promise<unknown> = Promise.resolve();
  const ask = (question: string): Promise<unknown> => {
    const asked = last.then(async () => {
      const coming = answer();
      child.send(question);
      const { value, error } = (await coming) as { value: unknown; error?: string };
      if (error !== undefined) throw new Error(error);
      return value;
    });
    last = asked.catch(() => undefined);
    return asked;
  };

  const { url } = (await answer()) as { url: string };
  return {
    url,
    pid: child.pid ?? 0,
    ended: () => end,
    endedWithin: async (ms) => {
      const waited = new AbortController();
      await Promise.race([exit, setTimeout(ms, undefined, { signal: waited.signal }).catch(() => undefined)]);
      waited.abort();
      return end;
    },
    figures: async () => (await ask('figures')) as ServerFigures,
    settle: async () => (await ask('settle')) as string[],
    dispose: async () => {
      child.kill('SIGKILL');
      await exit;
      await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
