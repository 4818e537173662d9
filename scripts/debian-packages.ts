import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export type Log = (line: string) => void;

interface DebianPackage {
  readonly name: string;
  readonly why: string;
  readonly present: () => boolean;
}

const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Absolute path of a program on the PATH or in the administrator's folders, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...sbin];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A static program needs no library of its image: ldd says so by failing. */
function staticProgram(name: string): boolean {
  const path = findProgram(name);
  if (path === undefined) return false;
  try {
    execFileSync('ldd', [path], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}

const program = (command: string) => () => findProgram(command) !== undefined;

/** What runs real containers. */
export const enginePackages: readonly DebianPackage[] = [
  { name: 'docker.io', why: 'the Docker engine that runs tasks in containers', present: program('dockerd') },
  { name: 'iproute2', why: 'removes the bridges that an engine leaves', present: program('ip') },
  { name: 'iptables', why: "the engine's container network", present: program('iptables') },
];

/** What the local images are made of. */
export const imagePackages: readonly DebianPackage[] = [
  { name: 'busybox-static', why: 'shell and utilities of the local images', present: () => staticProgram('busybox') },
  { name: 'curl', why: 'the runner fetches signed URLs with it', present: program('curl') },
];

/** What only the tests need. */
export const testPackages: readonly DebianPackage[] = [
  { name: 'chromium', why: 'the browser that looks at the dashboard', present: program('chromium') },
  { name: 'dash', why: 'a shell that the runner must work under', present: program('dash') },
  { name: 'openssl', why: 'makes the certificates of local https servers', present: program('openssl') },
  { name: 'procps', why: 'ps, to prove that no secret shows in it', present: program('ps') },
  { name: 'shellcheck', why: 'checks the shell scripts', present: program('shellcheck') },
];

function isDebian(): boolean {
  if (!existsSync('/etc/os-release')) return false;
  return /^(?:ID|ID_LIKE)=.*\bdebian\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** Runs a program, hands its output on line by line, and resolves with its exit code. */
async function run(command: string, args: readonly string[], log: Log): Promise<number> {
  const child = spawn(command, args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let tail = '';
  const keep = (chunk: Buffer): void => {
    tail = (tail + chunk.toString()).slice(-2000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (status) => resolve(status ?? 1));
  });
  if (code !== 0) log(`${command} ${args[0] ?? ''} ended with ${code}:\n${tail.trim()}`);
  return code;
}

const policy = '/usr/sbin/policy-rc.d';

/** Without systemd a package's own start of its service would only get in the way of the engine that we start; policy-rc.d is Debian's switch for that. */
function forbidServiceStart(): () => void {
  if (existsSync('/run/systemd/system') || existsSync(policy)) return () => undefined;
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return () => rmSync(policy, { force: true });
}

/**
 * Installs what is missing of `wanted` with apt, after saying what and why.
 * Resolves with undefined once everything is there, else with one sentence that says why not.
 */
export async function ensurePackages(
  wanted: readonly DebianPackage[],
  { log }: { log: Log },
): Promise<string | undefined> {
  const missing = wanted.filter((item) => !item.present());
  if (missing.length === 0) return undefined;
  const names = missing.map((item) => item.name);
  if (!isDebian()) return `${names.join(', ')} missing, and this is not Debian: install it by hand`;
  if (process.getuid?.() !== 0) return `${names.join(', ')} missing: run once as root, or apt-get install it`;

  log(`Installing ${names.length} Debian package${names.length === 1 ? '' : 's'}:`);
  for (const item of missing) log(`  ${item.name} (${item.why})`);
  const install = ['install', '-y', '--no-install-recommends', ...names];
  const quiet: Log = () => undefined;
  const allowServiceStart = forbidServiceStart();
  try {
    // Package lists may be absent or too old: only then are they fetched.
    if ((await run('apt-get', install, quiet)) !== 0) {
      await run('apt-get', ['update'], log);
      await run('apt-get', install, log);
    }
  } finally {
    allowServiceStart();
  }
  const still = missing.filter((item) => !item.present()).map((item) => item.name);
  return still.length === 0 ? undefined : `apt-get could not install ${still.join(', ')}`;
}
