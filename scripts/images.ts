import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type Docker from 'dockerode';

import { ensurePackages, findProgram, imagePackages, type Log } from './debian-packages.ts';
import { buildImage, type ImageRecipe } from './image-build.ts';

/** A shell, busybox and the runner; nothing else. */
export const minimalImage = 'errand-minimal:local';
/** Node and the libraries that it needs, on the minimal image. */
export const nodeImage = 'errand-node:local';
/** The image that the original StopVM names, here with a stand-in `az`. */
export const azureCliImage = 'lalitadithya/az-cli-image:latest';

const fromRoot = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

function minimalRecipe(): ImageRecipe {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox is missing: apt-get install busybox-static');
  return {
    tag: minimalImage,
    dockerfile: readFileSync(fromRoot('runner-image/minimal/Dockerfile'), 'utf8'),
    files: new Map([
      ['busybox', { from: realpathSync(busybox) }],
      ['script-runner.sh', { from: fromRoot('runner-image/script-runner.sh') }],
    ]),
  };
}

function azureCliRecipe(): ImageRecipe {
  return {
    tag: azureCliImage,
    base: minimalImage,
    dockerfile: `FROM ${minimalImage}\nCOPY az /usr/local/bin/az\n`,
    files: new Map([['az', { from: fromRoot('scripts/stand-in-az.sh') }]]),
  };
}

/** Shared libraries of a program, by the path that its loader looks for them. */
function librariesOf(program: string): string[] {
  const listing = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...listing.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '').filter((path) => existsSync(path));
}

function nodeRecipe(): ImageRecipe {
  const files = new Map([['node', { from: realpathSync(process.execPath) }]]);
  for (const library of librariesOf(process.execPath))
    files.set(`libraries${library}`, { from: realpathSync(library) });
  return {
    tag: nodeImage,
    base: minimalImage,
    dockerfile: `FROM ${minimalImage}\nCOPY libraries/ /\nCOPY node /usr/local/bin/node\n`,
    files,
  };
}

/** Builds {@link minimalImage} where it is not there yet, and returns its tag. */
export async function buildMinimalImage(
  docker: Docker,
  { log = () => undefined }: { log?: Log } = {},
): Promise<string> {
  const problem = await ensurePackages(imagePackages, { log });
  if (problem !== undefined) throw new Error(`The image ${minimalImage} cannot be built: ${problem}`);
  await buildImage(docker, minimalRecipe(), { log });
  return minimalImage;
}

/** Builds every local image that examples, demo and tests use. No registry takes part. */
export async function buildImages(docker: Docker, { log }: { log: Log }): Promise<void> {
  await buildMinimalImage(docker, { log });
  await buildImage(docker, azureCliRecipe(), { log });
  await buildImage(docker, nodeRecipe(), { log });
}
