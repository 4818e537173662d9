import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { findProgram } from '../../scripts/debian-packages.ts';
import { ensureDocker } from '../../scripts/docker-engine.ts';

const quiet = { log: (): void => undefined };

/** Makes sure of an engine, and then does what `after` says. */
const program = (after: string): string => `
  import { ensureDocker } from './scripts/docker-engine.ts';
  const engine = await ensureDocker({ log: console.error });
  console.log(JSON.stringify(engine));
  if (engine.kind === 'ready') { ${after} }
`;

/** In namespaces of its own, as if no engine ran on this machine: no network that one is in, no socket under /run. */
async function engineThat(after: string): Promise<{ dockerHost: string; ended: Promise<number | null> }> {
  const { DOCKER_HOST: _, ...env } = process.env;
  const hide = 'mount -t tmpfs tmpfs /run && exec "$@"';
  const node = [process.execPath, '--input-type=module', '--eval', program(after)];
  const args = ['--net', '--mount', 'sh', '-c', hide, 'sh', ...node];
  const child = spawn('unshare', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => resolve(code));
  });
  for await (const line of createInterface(child.stdout)) {
    const engine: { kind: string; dockerHost?: string; reason?: string } = JSON.parse(line);
    if (engine.dockerHost === undefined) throw new Error(engine.reason);
    return { dockerHost: engine.dockerHost, ended };
  }
  throw new Error('the engine said nothing');
}

/** With a network of its own the engine stops, and whoever is left looks whether the bridge is, too. */
const withNetwork = `
  const { dockerClient } = await import('./scripts/docker-client.ts');
  const { readFileSync } = await import('node:fs');
  const isThere = () => /^ *br-[0-9a-f]{12}:/m.test(readFileSync('/proc/self/net/dev', 'utf8'));
  await dockerClient(engine.dockerHost).createNetwork({ Name: 'left' });
  const wasThere = isThere();
  await engine.stop();
  process.exit(wasThere && !isThere() ? 0 : 1);
`;

const whyNot =
  process.getuid?.() !== 0
    ? 'only root may start an engine'
    : findProgram('dockerd') === undefined
      ? 'there is no dockerd here'
      : undefined;

describe('an engine of our own', () => {
  const ends: readonly (readonly [name: string, after: string, code: number | null])[] = [
    ['when it is stopped', 'await engine.stop();', 0],
    ['when it has made a network', withNetwork, 0],
    ['when its user just ends', '', 0],
    ['when its user is killed', "process.kill(process.pid, 'SIGKILL');", null],
  ];

  test.for(ends)('ends and leaves nothing behind %s', async ([, after, code], context) => {
    context.skip(whyNot !== undefined, whyNot);
    const { dockerHost, ended } = await engineThat(`await new Promise((done) => setTimeout(done, 500)); ${after}`);
    const directory = dirname(dockerHost.slice('unix://'.length));
    expect(existsSync(directory)).toBe(true);
    expect(await ended).toBe(code);
    for (let tries = 0; tries < 300 && existsSync(directory); tries += 1) await delay(100);
    expect(existsSync(directory)).toBe(false);
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    expect(processes).not.toContain(directory);
  });
});

test('an engine that was named but does not answer is no reason to start another', async () => {
  const before = process.env['DOCKER_HOST'];
  process.env['DOCKER_HOST'] = 'unix:///nowhere/docker.sock';
  try {
    const reason = 'DOCKER_HOST is set, but no Docker engine answers at unix:///nowhere/docker.sock';
    expect(await ensureDocker(quiet)).toEqual({ kind: 'unavailable', reason });
  } finally {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
  }
});
