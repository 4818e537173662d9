import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cleanEnvironment, cliFile } from '../../entry/support/cli.ts';
import { freePort } from '../../support/listen.ts';

/** Where somebody follows a page: a folder, and terminals. */
export interface Terminals {
  directory: string;
  /** Carries out a command, on a terminal, to its end. */
  type(command: string): Promise<{ code: number; output: string }>;
  /** Starts a command in a terminal of its own; what runs there is interrupted first. Resolves once it says that it is `ready`. */
  start(terminal: string, command: string, ready: RegExp): Promise<void>;
  /** What a terminal shows. */
  outputOf(terminal: string): string;
  close(): Promise<void>;
}

const packages = fileURLToPath(new URL('../../../node_modules', import.meta.url));

export async function openTerminals(): Promise<Terminals> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-walkthrough-'));
  await symlink(packages, join(directory, 'node_modules'));
  await mkdir(join(directory, 'bin'));
  const npx = join(directory, 'bin', 'npx');
  // As the package is found where it is installed.
  await writeFile(npx, `#!/bin/sh\n[ "$1" = errand ] && shift && exec '${process.execPath}' '${cliFile}' "$@"\n`);
  await chmod(npx, 0o755);
  const port = await freePort();
  const { PATH = '', ...rest } = cleanEnvironment({
    TERM: 'xterm',
    SHELL: '/bin/bash',
    ERRAND_DRIVER: 'process',
    ERRAND_PORT: String(port),
    ERRAND_URL: `http://127.0.0.1:${port}`,
  });
  const env = { ...rest, PATH: `${join(directory, 'bin')}:${PATH}` };
  const open = new Map<string, { child: ChildProcess; output: string }>();

  async function interrupt(terminal: string): Promise<void> {
    const running = open.get(terminal);
    if (running?.child.pid === undefined || running.child.exitCode !== null) return;
    const ended = once(running.child, 'close');
    process.kill(-running.child.pid, 'SIGINT');
    await ended;
  }

  return {
    directory,
    type: async (command) => {
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        cwd: directory,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = once(child, 'close') as Promise<[number]>;
      const output = (await child.stdout.setEncoding('utf8').toArray()).join('');
      const [code] = await closed;
      return { code, output };
    },
    start: async (terminal, command, ready) => {
      await interrupt(terminal);
      const child = spawn('bash', ['-c', command], {
        cwd: directory,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      const shown = { child, output: '' };
      open.set(terminal, shown);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          shown.output += text;
          if (ready.test(shown.output)) resolve();
        });
      }
      child.once('close', () => reject(new Error(`${command} ended:\n${shown.output}`)));
      await promise;
    },
    outputOf: (terminal) => open.get(terminal)?.output ?? '',
    close: async () => {
      for (const terminal of open.keys()) await interrupt(terminal);
      await rm(directory, { recursive: true });
    },
  };
}
