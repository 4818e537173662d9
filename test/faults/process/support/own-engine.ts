import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { dockerClient } from '../../../../scripts/docker-client.ts';
import { dockerAnswers } from '../../../../scripts/docker-ping.ts';
import { enginePackages, ensurePackages, findProgram } from '../../../../scripts/debian-packages.ts';
import { buildMinimalImage } from '../../../../scripts/images.ts';
import { endProcess, processesOf, until } from '../../../crash/support/processes.ts';

/** A Docker engine that a scenario may stop and start. */
export interface OwnEngine {
  dockerHost: string;
  /** SIGTERM, upon which it stops its containers, or SIGKILL, which they outlive. Resolves when it is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again on the same data. Throws where it does not answer. */
  start(): Promise<void>;
  /** Ends it with all that it left. */
  close(): Promise<void>;
}

const answersWithinMs = 60_000;

/**
 * An engine with everything of its own below a directory, in a network namespace of its own: beside another one in the same namespace it would take
 * away the bridge. Answers with the reason where none can be had.
 */
export async function ownEngine(directory: string): Promise<OwnEngine | { reason: string }> {
  const problem = await ensurePackages(enginePackages, { log: () => undefined });
  const program = findProgram('dockerd');
  if (problem !== undefined || program === undefined) return { reason: problem ?? 'there is no dockerd' };
  if (process.getuid?.() !== 0) return { reason: 'only root may start a Docker engine' };
  const dockerHost = `unix://${join(directory, 'docker.sock')}`;
  await mkdir(join(directory, 'data'), { recursive: true });
  await writeFile(join(directory, 'daemon.json'), JSON.stringify({ 'live-restore': false, 'shutdown-timeout': 5 }));
  const log = openSync(join(directory, 'log'), 'a');
  let engine: ChildProcess | undefined;

  async function start(): Promise<void> {
    const files = ['--config-file', 'daemon.json', '--data-root', 'data', '--exec-root', 'exec', '--pidfile', 'pid'];
    const paths = files.map((word) => (word.startsWith('--') ? word : join(directory, word)));
    const bare = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--host', dockerHost];
    // It ends with this process, however that comes.
    const words = ['--pdeathsig', 'KILL', 'unshare', '--net', program ?? '', ...paths, ...bare];
    engine = spawn('setpriv', words, {
      stdio: ['ignore', log, log],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` },
    });
    const isUp = await until(answersWithinMs, () => engine?.exitCode === null && dockerAnswers(dockerHost, 2_000));
    if (isUp) return;
    const tail = readFileSync(join(directory, 'log'), 'utf8').trim().split('\n').slice(-4).join(' | ');
    throw new Error(`the Docker engine does not answer: ${tail}`);
  }

  async function stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (engine === undefined || engine.exitCode !== null || engine.signalCode !== null) return;
    const ended = once(engine, 'exit');
    engine.kill(signal);
    await ended;
  }

  const own: OwnEngine = {
    dockerHost,
    stop,
    start,
    close: async () => {
      await stop('SIGTERM');
      for (const pid of processesOf(directory)) endProcess(pid);
      for (const point of mountsBelow(directory)) execFileSync('umount', ['--lazy', point]);
      await rm(directory, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  try {
    await start();
    await buildMinimalImage(dockerClient(dockerHost));
    return own;
  } catch (error) {
    await own.close();
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Deepest first. */
function mountsBelow(directory: string): string[] {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return points.filter((point) => point.startsWith(`${directory}/`)).toSorted((a, b) => b.length - a.length);
}
