import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

export const cliFile = fileURLToPath(new URL('../../../src/entry/cli.ts', import.meta.url));

/** Compiled once, not again for each of the many processes: two thirds of what starting the CLI costs. */
const compileCache = fileURLToPath(new URL('../../../node_modules/.cache/errand-tests', import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd: string;
  env?: Readonly<Record<string, string>>;
  input?: string;
}

/** Only what is wanted of the environment: a developer's own settings must not decide what a test sees. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PATH = '', DOCKER_HOST } = process.env;
  return {
    PATH,
    HOME: tmpdir(),
    NODE_COMPILE_CACHE: compileCache,
    ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }),
    ...extra,
  };
}

/** Runs `errand` as users do, with its output in pipes. */
export async function cli(args: readonly string[], options: CliOptions): Promise<Ended> {
  return startCli(args, options).ended;
}

export interface Started {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** What it has said so far. */
  output(): Readonly<{ stdout: string; stderr: string }>;
  /** Resolves once the output has this text. */
  says(text: string, stream?: 'stdout' | 'stderr'): Promise<void>;
}

export function startCli(args: readonly string[], { cwd, env, input }: CliOptions): Started {
  return collect(spawn(process.execPath, [cliFile, ...args], { cwd, env: cleanEnvironment(env) }), input);
}

/** Runs `errand` on a pseudo terminal; what it shows, escape sequences included, is in `stdout`. */
export function startOnTerminal(args: readonly string[], { cwd, env }: CliOptions): Started {
  const words = [process.execPath, cliFile, ...args].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`);
  const given = { TERM: 'xterm', SHELL: '/bin/sh', ...env };
  return collect(
    spawn('script', ['-qec', words.join(' '), '/dev/null'], { cwd, env: cleanEnvironment(given), detached: true }),
    undefined,
  );
}

function collect(child: ChildProcess, input: string | undefined): Started {
  const text = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[stream] += chunk;
      for (const listener of listeners) listener();
    });
  }
  if (input !== undefined) child.stdin?.end(input);
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, ...text }));
  return {
    child,
    ended,
    output: () => text,
    says: (wanted, stream = 'stdout') =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!text[stream].includes(wanted)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        ended.then(() => reject(new Error(`ended without saying "${wanted}": ${text.stdout}\n${text.stderr}`)), reject);
      }),
  };
}

export interface TestServer {
  /** A directory of its own, to work in. */
  directory: string;
  url: string;
  /** `errand` against this server. */
  run(args: readonly string[], options?: Partial<CliOptions>): Promise<Ended>;
  start(args: readonly string[], options?: Partial<CliOptions>): Started;
  terminal(args: readonly string[], options?: Partial<CliOptions>): Started;
  stop(): Promise<void>;
}

/** `errand dev` (or another command that serves) as a process of its own. */
export async function testServer(
  args: readonly string[] = ['dev', '--driver', 'process', '--no-examples'],
  env: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-cli-'));
  const data = join(directory, 'data');
  const server = startCli(args, { cwd: directory, env: { ERRAND_PORT: '0', ERRAND_DATA_DIR: data, ...env } });
  await server.says('"type":"ready"');
  const { url } = records(server.output().stdout)[0] as { url: string };
  const options = (given: Partial<CliOptions> = {}): CliOptions => ({
    cwd: directory,
    ...given,
    env: { ERRAND_URL: url, ...given.env },
  });
  return {
    directory,
    url,
    run: (words, given) => cli(words, options(given)),
    start: (words, given) => startCli(words, options(given)),
    terminal: (words, given) => startOnTerminal(words, options(given)),
    stop: async () => {
      server.child.kill('SIGTERM');
      await server.ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A task folder: definition and executable. */
export async function taskFolder(
  directory: string,
  taskName: string,
  script: string,
  definition: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const folder = join(directory, taskName.toLowerCase());
  await mkdir(folder, { recursive: true });
  const scriptName = `${taskName.toLowerCase()}.sh`;
  const document = { taskName, dockerImage: 'errand-minimal:local', scriptName, ...definition };
  await writeFile(join(folder, `${taskName}.json`), JSON.stringify(document));
  await writeFile(join(folder, scriptName), script, { mode: 0o755 });
  return folder;
}

/** What is left of a terminal's output for the eye. */
export function seen(text: string): string {
  return stripVTControlCharacters(text).replaceAll('\r', '');
}

/** Lines of JSON. */
export function records(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
