// Runs one dockerd for as long as standard input stays open, then ends it and removes everything below its directory.
// A process of its own: the pipe closes however the parent ends, SIGKILL included, so that no engine outlives its user.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

const [directory = '', program = '', ...args] = process.argv.slice(2);

/** Mount points below the directory, deepest first. Octal escapes are the kernel's (proc(5), mounts). */
function mountsBelow(folder: string): string[] {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[1] ?? '').replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8))),
    );
  return points.filter((point) => point.startsWith(`${folder}/`)).toSorted((a, b) => b.length - a.length);
}

/** The engine's own helpers (containerd and its shims) carry the directory in their arguments. Needed only where the engine had to be killed. */
function killHelpers(): void {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)) {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      if (words.some((arg) => arg.startsWith(`${directory}/`))) process.kill(Number(name), 'SIGKILL');
    } catch (error) {
      process.stderr.write(`process ${name} is gone already: ${String(error)}\n`);
    }
  }
}

interface Network {
  readonly Id: string;
  readonly Driver: string;
  readonly Options?: Readonly<Record<string, string>>;
}

/** Of the networks that were made on the engine; it leaves them in the kernel, where some thirty take up every address range that an engine gives out. */
async function bridges(): Promise<string[]> {
  const asked = get({ socketPath: join(directory, 'docker.sock'), path: '/networks', timeout: 2_000 });
  asked.on('timeout', () => asked.destroy());
  try {
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const networks = (await json(answer)) as Network[];
    return networks.flatMap(({ Id, Driver, Options = {} }) =>
      Driver !== 'bridge' || 'com.docker.network.bridge.name' in Options ? [] : [`br-${Id.slice(0, 12)}`],
    );
  } catch (error) {
    process.stderr.write(`the engine does not say which networks it has: ${String(error)}\n`);
    return [];
  }
}

function removeBridges(names: readonly string[]): void {
  for (const name of names) {
    try {
      execFileSync('ip', ['link', 'delete', name], { stdio: 'ignore' });
    } catch {
      process.stderr.write(`could not remove the bridge ${name}\n`);
    }
  }
}

function removeDirectory(): void {
  for (const point of mountsBelow(directory)) {
    try {
      execFileSync('umount', ['--lazy', point], { stdio: 'ignore' });
    } catch {
      process.stderr.write(`could not unmount ${point}\n`);
    }
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

const log = openSync(join(directory, 'log'), 'a');
const engine = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
const ended = new Promise<void>((resolve) => {
  engine.on('exit', () => resolve());
  engine.on('error', () => resolve());
});
// Ctrl-C reaches the whole terminal's group; only the closing pipe counts here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const released = new Promise<'released'>((resolve) => {
  process.stdin.on('end', () => resolve('released')).on('error', () => resolve('released'));
  process.stdin.resume();
});
if ((await Promise.race([released, ended])) === 'released') {
  const made = await bridges();
  engine.kill('SIGTERM');
  const inTime = await Promise.race([ended.then(() => true), delay(20_000, false)]);
  if (!inTime) {
    engine.kill('SIGKILL');
    await ended;
    killHelpers();
  }
  removeBridges(made);
  removeDirectory();
  process.exit(0);
}
// The engine ended by itself: its log stays for the one who asks why, who then removes the directory.
process.exit(1);
