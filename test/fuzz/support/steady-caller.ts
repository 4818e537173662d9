import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface SteadyFigures {
  sent: number;
  answered: number;
  /** The first that went wrong. */
  problems: string[];
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** The longest time without an answer, in milliseconds. */
  gapMs: number;
}

export interface SteadyCaller {
  /** Waits for the answers that are still to come. */
  stop(): Promise<SteadyFigures>;
}

/** Somebody in another process who asks for health and for a plan every 50 ms, whatever else the server has to bear. */
export async function steadyCaller(url: string, key: string, patienceMs = 60_000): Promise<SteadyCaller> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'steady-process.ts'), url, key, String(patienceMs)],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  await once(child, 'message');
  return {
    stop: async () => {
      const figures = once(child, 'message') as Promise<[SteadyFigures]>;
      child.send('stop');
      const gone = once(child, 'exit').then(() => Promise.reject(new Error('the steady caller ended by itself')));
      const [answer] = await Promise.race([figures, gone]);
      gone.catch(() => undefined);
      child.kill('SIGKILL');
      return answer;
    },
  };
}
