import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import type { Behavior, InstantStart } from '../../emulator/server.ts';

const runner = resolve('runner-image/script-runner.sh');

/**
 * For the emulator's instant engine: what a container would run, the real runner with the group's environment, runs as a process of this machine. Whatever
 * the image, it has what this machine has. Ended with its group, as a container is.
 */
export const processBehavior: Behavior = () => ({ pullMs: 0, effect: runAsProcess });

async function runAsProcess({ environment, signal }: InstantStart): Promise<number> {
  const child = spawn('/bin/sh', [runner], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...environment },
    stdio: 'ignore',
    detached: true,
  });
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  signal.addEventListener('abort', kill, { once: true });
  process.once('exit', kill);
  const [code]: (number | null)[] = await once(child, 'exit');
  process.off('exit', kill);
  return code ?? 137;
}
