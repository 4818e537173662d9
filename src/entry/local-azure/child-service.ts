import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Environment } from '../config.ts';

export interface ChildService {
  /** What it printed so far, for messages. */
  printed(): string;
  hasExited(): boolean;
  /** Asks it to end, and ends it where it does not within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** A program of ours beside this process, with Node. It does not outlive this process where that can be helped. */
export function childService(
  args: readonly string[],
  { environment, directory, clock }: { environment: Environment; directory?: string; clock: Clock },
): ChildService {
  const child = spawn(process.execPath, args, {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is for us: it is stopped in its turn.
    detached: true,
    ...(directory === undefined ? {} : { cwd: directory }),
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text = (text + chunk).slice(-8_192);
    });
  }
  const exited = once(child, 'exit');
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    printed: () => text,
    hasExited: isOver,
    stop: async (graceMs) => {
      process.off('exit', kill);
      if (isOver()) return;
      child.kill('SIGTERM');
      const disarm = clock.after(graceMs, kill);
      await exited;
      disarm();
    },
  };
}

const lookMs = 100;

/** Waits until `isReady` answers something. Throws where the program ends before, or `patienceMs` are over; `name` is for the message. */
export async function ready<T>(
  service: ChildService,
  { name, patienceMs, clock }: { name: string; patienceMs: number; clock: Clock },
  isReady: () => Promise<T | undefined>,
): Promise<T> {
  const until = clock.monotonic() + patienceMs;
  for (;;) {
    const answer = await isReady();
    if (answer !== undefined) return answer;
    const why = service.hasExited() ? 'ended while it started' : `was not ready within ${patienceMs / 1000} s`;
    if (service.hasExited() || clock.monotonic() > until) {
      await service.stop(0);
      throw new Error(`${name} ${why}. It printed: ${service.printed().trim() || '(nothing)'}`);
    }
    await clock.sleep(lookMs);
  }
}

/** Whether somebody listens there. */
export async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
