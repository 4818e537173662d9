// Shows Errand at work, from nothing: an engine, a server with the examples, some runs, their logs and results. Ends by itself.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { findProgram } from './debian-packages.ts';
import { dockerClient } from './docker-client.ts';
import { ensureDocker, type Engine } from './docker-engine.ts';
import { buildImages } from './images.ts';

const cli = fileURLToPath(new URL('../src/entry/cli.ts', import.meta.url));
const log = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** What is shown: a command as a user would type it, and the exit code that it must end with. */
const scenes: readonly { readonly why: string; readonly args: readonly string[]; readonly code: number }[] = [
  { why: 'The tasks that the server knows', args: ['tasks'], code: 0 },
  {
    why: 'A run, with its log as it is written',
    args: ['run', 'Hello', '-p', 'Name=World', '--follow'],
    code: 0,
  },
  {
    why: 'A run that reads real files, and leaves a JSON result and a file',
    args: ['run', 'InspectMachine', '--follow'],
    code: 0,
  },
  { why: 'Its record', args: ['show', 'last'], code: 0 },
  { why: 'The file that it left', args: ['outputs', 'last', 'machine.csv'], code: 0 },
  {
    why: 'A run in another language than sh',
    args: ['run', 'WordCount', '-p', 'Text=to be or not to be', '--follow'],
    code: 0,
  },
  {
    why: "A run that fails; the command ends with the task's own exit code",
    args: ['run', 'Fails', '--follow'],
    code: 3,
  },
  { why: 'All of them', args: ['runs'], code: 0 },
];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

async function ends(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return child.exitCode;
  const [code]: (number | null)[] = await once(child, 'exit');
  return code ?? 1;
}

async function ready(url: string, server: ChildProcess): Promise<void> {
  let cause: unknown;
  for (let tries = 0; tries < 300 && server.exitCode === null; tries += 1) {
    try {
      const answer = await fetch(`${url}/readyz`);
      if (answer.ok) return;
      cause = new Error(`/readyz answered ${answer.status}: ${await answer.text()}`);
    } catch (error) {
      cause = error;
    }
    await delay(100);
  }
  throw new Error('the server did not get ready', { cause });
}

/**
 * Runs the CLI as on a terminal. Where the demo itself is piped, commands that print tables get a terminal from script(1), since to a pipe
 * they would write JSON.
 */
function run(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const command = [process.execPath, cli, ...args];
  const piped = !process.stdout.isTTY && !args.includes('--follow') && findProgram('script') !== undefined;
  if (!piped) return spawn(process.execPath, command.slice(1), { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const typed = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const wide = { ...env, NO_COLOR: '1', COLUMNS: '140' };
  return spawn('script', ['-qec', typed, '/dev/null'], { env: wide, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function play(url: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  for (const { why, args, code } of scenes) {
    const typed = args.map((arg) => (/\s/.test(arg) ? `'${arg}'` : arg)).join(' ');
    log(`\n# ${why}\n$ errand ${typed}`);
    const ended = await ends(run(args, { ...env, ERRAND_URL: url }));
    if (ended !== code) {
      log(`errand ${typed} ended with ${ended}, and should have ended with ${code}`);
      return false;
    }
  }
  return true;
}

async function demo(engine: Engine): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-demo-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...process.env, ERRAND_DATA_DIR: directory, ERRAND_PORT: String(port) };
  if (engine.kind === 'ready') Object.assign(env, { DOCKER_HOST: engine.dockerHost });
  const driver = engine.kind === 'ready' ? 'docker' : 'process';

  log(`\n# A server with embedded defaults, and the examples\n$ errand dev --driver ${driver}`);
  const server = spawn(process.execPath, [cli, 'dev', '--driver', driver], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Interrupted, the demo clears up as at its end: without its server no command goes on.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.kill('SIGTERM'));
  try {
    await ready(url, server);
    return await play(url, env);
  } finally {
    if (server.exitCode === null) server.kill('SIGTERM');
    await ends(server);
    rmSync(directory, { recursive: true, force: true });
  }
}

const engine = await ensureDocker({ log });
try {
  if (engine.kind === 'ready') await buildImages(dockerClient(engine.dockerHost), { log });
  else log(`Without containers, as plain processes of this machine, because ${engine.reason}`);
  const good = await demo(engine);
  log(good ? '\nThat was Errand. README.md goes on from here.' : '\nThe demo failed.');
  process.exitCode = good ? 0 : 1;
} finally {
  if (engine.kind === 'ready') await engine.stop();
}
