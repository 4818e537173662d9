import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type Docker from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { buildDashboard } from '../../scripts/build-dashboard.ts';
import { dockerClient } from '../../scripts/docker-client.ts';
import { buildImage, type ImageRecipe } from '../../scripts/image-build.ts';
import { nodeImage } from '../../scripts/images.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';

type Files = Map<string, { from: string } | { text: string }>;

/** Stands in for npm, since no registry can be reached: installs and builds by unpacking what this repository has installed and built. */
const npm = `#!/bin/sh
set -eu
case "$1" in
  ci) tar -xf /prebuilt/node_modules.tar ;;
  run) tar -xf /prebuilt/dist.tar ;;
  prune) ;;
  *) echo "unexpected: npm $*" >&2; exit 1 ;;
esac
`;

function addFiles(files: Files, pattern: string, root: string, prefix: string): void {
  for (const entry of globSync(pattern, { cwd: root, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    files.set(join(prefix, relative(root, from)), { from });
  }
}

/** What nothing runs: half of all the files, and each costs the engine time. */
const notRun = [
  '*.d.ts',
  '*.d.mts',
  '*.d.cts',
  '*.map',
  '*.md',
  'benchmarks',
  'cpu-features',
  'ssh2/test',
  'pino/test',
];

/** One archive, the same for the same files, so that the engine's cache knows it again. */
function archive(target: string, folder: string, names: string[], leaveOut: string[] = []): { from: string } {
  const always = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  const without = leaveOut.map((pattern) => `--exclude=${pattern}`);
  execFileSync('tar', [...always, ...without, '-C', folder, '-cf', target, ...names]);
  return { from: target };
}

function prebuiltRecipe(folder: string): ImageRecipe {
  const listing = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { encoding: 'utf8' });
  const root = resolve('.');
  const packages = listing.split('\n').filter((line) => line.startsWith(`${root}/node_modules/`));
  const names = packages.map((path) => relative(root, path));
  return {
    tag: 'errand-test-build-base:local',
    base: nodeImage,
    dockerfile: `FROM ${nodeImage}\nCOPY npm /usr/local/bin/npm\nCOPY node_modules.tar dist.tar /prebuilt/\n`,
    files: new Map<string, { from: string } | { text: string }>([
      ['npm', { text: npm }],
      ['node_modules.tar', archive(join(folder, 'node_modules.tar'), root, names, notRun)],
      ['dist.tar', archive(join(folder, 'dist.tar'), folder, ['dist'])],
    ]),
  };
}

/** The context as .dockerignore leaves it. */
function orchestratorRecipe(buildBase: string): ImageRecipe {
  const files: Files = new Map();
  const allowed = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'));
  for (const name of allowed.map((line) => line.slice(1))) {
    if (existsSync(name)) addFiles(files, name.includes('.') ? name : `${name}/**/*`, resolve('.'), '');
  }
  return {
    tag: 'errand-test-orchestrator:local',
    base: buildBase,
    dockerfile: readFileSync('Dockerfile', 'utf8'),
    buildArgs: { BASE: nodeImage, BUILD_BASE: buildBase },
    files,
  };
}

describeWithDocker('the container image of the orchestrator', () => {
  const docker = dockerClient(dockerHost());
  const quiet = { log: (): void => undefined };
  const socket = dockerHost().slice('unix://'.length);
  let folder: string;
  let tag: string;
  let container: Docker.Container;
  const made: Docker.Container[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'errand-image-test-'));
    const dist = join(folder, 'dist');
    execFileSync('tsc', ['--singleThreaded', '-p', 'tsconfig.build.json', '--outDir', dist], { stdio: 'inherit' });
    await buildDashboard(join(dist, 'web'));
    const base = prebuiltRecipe(folder);
    await buildImage(docker, base, quiet);
    const recipe = orchestratorRecipe(base.tag);
    await buildImage(docker, recipe, quiet);
    tag = recipe.tag;
    // Some twenty layers: seconds on an idle disk, minutes on a busy one.
  }, 300_000);

  afterAll(async () => {
    for (const one of made) await one.remove({ force: true, v: true });
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a command in the container; resolves with its exit code and output. */
  async function inside(command: string[]): Promise<{ code: number | null; output: string }> {
    const exec = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true });
    const stream = await exec.start({ Tty: true });
    let output = '';
    for await (const chunk of stream) output += String(chunk);
    return { code: (await exec.inspect()).ExitCode, output };
  }

  test('is run by a user without rights, unless told otherwise', async () => {
    const { Config } = await docker.getImage(tag).inspect();
    expect(Config.User).toBe('1000:1000');
    expect(Config.Env).toContain('NODE_ENV=production');
    // The folder is that user's own: SQLite can make its files in it.
    container = await docker.createContainer({
      Image: tag,
      Cmd: ['tasks'],
      Entrypoint: ['node', '--eval', 'fs.mkdirSync(process.env.ERRAND_DATA_DIR + "/x")'],
    });
    made.push(container);
    await container.start();
    expect(await container.wait()).toMatchObject({ StatusCode: 0 });
  });

  test('gets healthy, and runs a task in a container beside itself', async () => {
    const data = join(folder, 'data');
    container = await docker.createContainer({
      Image: tag,
      // As compose.yaml has it.
      User: '0:0',
      Env: [`ERRAND_EXCHANGE_HOST_PATH=${data}`, 'ERRAND_DRIVER=docker'],
      HostConfig: {
        Init: true,
        ReadonlyRootfs: true,
        Tmpfs: { '/tmp': '' },
        CapDrop: ['ALL'],
        CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
        SecurityOpt: ['no-new-privileges:true'],
        Binds: [`${socket}:/var/run/docker.sock`, `${data}:/var/lib/errand`],
      },
    });
    made.push(container);
    await container.start();

    const { Config } = await docker.getImage(tag).inspect();
    const [kind, ...check] = Config.Healthcheck?.Test ?? [];
    expect(kind).toBe('CMD');
    let code: number | null = null;
    for (let tries = 0; tries < 100 && code !== 0; tries += 1) {
      await delay(200);
      if (!(await container.inspect()).State.Running) break;
      ({ code } = await inside(check));
    }
    if (code !== 0) {
      const log = await container.logs({ stdout: true, stderr: true });
      throw new Error(`the orchestrator did not get healthy: ${log.toString()}`);
    }

    const page = 'fetch("http://127.0.0.1:7070/runs").then((answer) => answer.text()).then(console.log)';
    expect((await inside(['node', '--eval', page])).output).toContain('<title>Errand</title>');

    const errand = ['node', 'dist/src/entry/cli.js'];
    expect(await inside([...errand, 'push', 'examples/hello'])).toMatchObject({ code: 0 });
    const run = await inside([...errand, 'run', 'Hello', '-p', 'Name=compose', '--follow']);
    expect(run).toMatchObject({ code: 0, output: expect.stringContaining('Hello, compose!') });
  });
});
