import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { enginePackages, ensurePackages, findProgram, type Log } from './debian-packages.ts';
import { dockerAnswers } from './docker-ping.ts';

export type Engine =
  | { readonly kind: 'ready'; readonly dockerHost: string; stop(): Promise<void> }
  | { readonly kind: 'unavailable'; readonly reason: string };

const usualSocket = 'unix:///var/run/docker.sock';
const keeper = fileURLToPath(new URL('docker-engine-keeper.ts', import.meta.url));

/** How long a fresh engine may take to answer, in milliseconds. The first start makes keys and file systems. */
const startBudget = 60_000;

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback; // the process is gone already
  }
}

function networkNamespace(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return `gone:${pid}`;
  }
}

/** Sockets of the engines that run in this network namespace: a second one there would take docker0 away from the first. */
function socketsOfRunningEngines(): { found: boolean; hosts: string[] } {
  const own = networkNamespace('self');
  const hosts: string[] = [];
  let found = false;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (readOr(`/proc/${pid}/comm`, '').trim() !== 'dockerd' || networkNamespace(pid) !== own) continue;
    found = true;
    const args = readOr(`/proc/${pid}/cmdline`, '').split('\0');
    for (const [index, arg] of args.entries()) {
      const value = arg === '-H' || arg === '--host' ? args[index + 1] : /^(?:-H|--host=)(unix:\/\/.+)$/.exec(arg)?.[1];
      if (value?.startsWith('unix://')) hosts.push(value);
    }
  }
  return { found, hosts };
}

const existing = (dockerHost: string): Engine => ({ kind: 'ready', dockerHost, stop: async () => undefined });

async function firstAnswering(hosts: readonly string[]): Promise<string | undefined> {
  for (const host of hosts) if (await dockerAnswers(host)) return host;
  return undefined;
}

/**
 * DOCKER_HOST of an engine that answers already; 'silent' where one runs and does not. One that is just coming up, or going down after
 * an earlier command, gets some time to do so.
 */
async function runningEngine(): Promise<string | undefined> {
  for (let tries = 0; ; tries += 1) {
    const { found, hosts } = socketsOfRunningEngines();
    const answering = await firstAnswering([usualSocket, ...hosts]);
    if (answering !== undefined || !found) return answering;
    if (tries === 60) return 'silent';
    await delay(500);
  }
}

/** Where no cgroup is mounted, as in a bare container, the engine cannot start; mounting is what an init system would have done. */
async function mountCgroups(log: Log): Promise<void> {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/memory')) return;
  log('Mounting the cgroup hierarchy, which nothing here has done yet');
  const mount = spawn('mount', ['-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'], { stdio: 'ignore' });
  await Promise.race([once(mount, 'exit'), once(mount, 'error')]);
}

interface Started {
  readonly dockerHost: string;
  stop(): Promise<void>;
}

/** Starts one engine with everything of its own below a fresh directory; resolves with the reason where it does not answer in time. */
async function start(program: string, extra: readonly string[]): Promise<Started | string> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-docker-'));
  const dockerHost = `unix://${join(directory, 'docker.sock')}`;
  // A configuration of its own, so that nothing of the machine's /etc/docker/daemon.json applies.
  const configuration = join(directory, 'daemon.json');
  writeFileSync(configuration, JSON.stringify({ 'live-restore': false, 'shutdown-timeout': 3 }));
  mkdirSync(join(directory, 'data'));
  const args = [
    '--config-file',
    configuration,
    '--data-root',
    join(directory, 'data'),
    '--exec-root',
    join(directory, 'exec'),
  ];
  args.push('--pidfile', join(directory, 'pid'), '--host', dockerHost, ...extra);
  const child = spawn(process.execPath, [keeper, directory, program, ...args], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` },
  });
  // Neither the keeper nor its pipe shall keep the user's process alive.
  child.unref();
  if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  child.stdin?.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.ref();
    child.stdin?.end();
    await gone;
    rmSync(directory, { recursive: true, force: true });
  };

  const deadline = performance.now() + startBudget;
  while (performance.now() < deadline && child.exitCode === null) {
    if (await dockerAnswers(dockerHost, 2_000)) return { dockerHost, stop };
    await delay(200);
  }
  const tail = readOr(join(directory, 'log'), '').trim().split('\n').slice(-8).join('\n  ');
  await stop();
  return `dockerd did not start:\n  ${tail}`;
}

/**
 * A Docker engine that answers: the one that is there (DOCKER_HOST, else the usual socket, else a dockerd of this network
 * namespace), which is used as it is and never stopped; else, as root on Debian, one of our own, installed and started here.
 * `stop()` ends only that one and removes what it left; so does the end of this process, however it comes.
 */
export async function ensureDocker({ log }: { log: Log }): Promise<Engine> {
  const given = process.env['DOCKER_HOST'];
  if (given !== undefined && given !== '') {
    if (await dockerAnswers(given)) return existing(given);
    return { kind: 'unavailable', reason: `DOCKER_HOST is set, but no Docker engine answers at ${given}` };
  }
  const found = await runningEngine();
  if (found === 'silent') {
    return {
      kind: 'unavailable',
      reason: 'a dockerd runs here but answers on no known socket: set DOCKER_HOST to it',
    };
  }
  if (found !== undefined) return existing(found);
  if (process.platform !== 'linux')
    return { kind: 'unavailable', reason: 'no Docker engine answers: start Docker Desktop' };

  const problem = await ensurePackages(enginePackages, { log });
  if (problem !== undefined) return { kind: 'unavailable', reason: `no Docker engine answers, and ${problem}` };
  if (existsSync('/run/systemd/system')) {
    // There the package starts its service itself.
    for (let tries = 0; tries < 50; tries += 1) {
      if (await dockerAnswers(usualSocket, 1_000)) return existing(usualSocket);
      await delay(200);
    }
  }
  const program = findProgram('dockerd');
  if (process.getuid?.() !== 0 || program === undefined) {
    return {
      kind: 'unavailable',
      reason: 'no Docker engine answers, and only root may start one: start Docker, or run as root',
    };
  }

  await mountCgroups(log);
  log('Starting a Docker engine of our own');
  const full = await start(program, []);
  if (typeof full !== 'string') return { kind: 'ready', ...full };
  log(`${full}\nTrying once more without a container network`);
  const bare = await start(program, ['--iptables=false', '--ip6tables=false', '--bridge=none']);
  if (typeof bare !== 'string') return { kind: 'ready', ...bare };
  return { kind: 'unavailable', reason: bare.replaceAll(/\s*\n\s*/g, ' | ') };
}
