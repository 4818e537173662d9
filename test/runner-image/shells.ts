import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const runnerScript = resolve(import.meta.dirname, '../../runner-image/script-runner.sh');

/** A shell to run the runner under, and the utilities that it finds on its PATH. */
export interface Shell {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly path: string;
}

const system = '/usr/local/bin:/usr/bin:/bin';
const made: string[] = [];

/** A shell or utility that is missing is a failure that says how to mend it: a suite that skips shells proves nothing. */
function find(program: string): string {
  const found = system.split(':').find((directory) => existsSync(join(directory, program)));
  if (found === undefined) {
    throw new Error(
      `${program} is not on ${system}; install it: apt-get install dash bash busybox-static shellcheck curl`,
    );
  }
  return join(found, program);
}

/** A directory for PATH that holds links of these names and nothing else. */
export function pathOf(links: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'errand-path-'));
  made.push(directory);
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(directory, name));
  return directory;
}

/** Removes what `pathOf` has made. */
export function removePaths(): void {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
}

/** Every busybox applet and, of the rest of the system, curl alone: as small images are. */
export function busyboxPath(): string {
  const busybox = find('busybox');
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean);
  return pathOf({ ...Object.fromEntries(applets.map((applet) => [applet, busybox])), curl: find('curl') });
}

/** The system's own utilities of these names. */
export function pathWith(names: readonly string[]): string {
  return pathOf(Object.fromEntries(names.map((name) => [name, find(name)])));
}

/** What the runner itself needs for a directory exchange, as its head comment lists it. */
export const needed = ['cat', 'date', 'ln', 'ls', 'mkdir', 'mkfifo', 'od', 'rm', 'sleep', 'tail', 'tee', 'wc'] as const;

/** The shells of the runner's promise. Call `removePaths` when done. */
export function shells(): Shell[] {
  return [
    { name: 'dash', command: [find('dash')], path: system },
    { name: 'bash', command: [find('bash')], path: system },
    { name: 'bash --posix', command: [find('bash'), '--posix'], path: system },
    { name: 'busybox sh', command: [find('busybox'), 'sh'], path: busyboxPath() },
  ];
}
