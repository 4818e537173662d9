import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type Docker from 'dockerode';

import { ensurePackages, findProgram, imagePackages, type Log } from './debian-packages.ts';
import { buildImage, type ImageRecipe } from './image-build.ts';

/** A shell, busybox and the runner; nothing else. */
export const minimalImage = 'errand-minimal:local';
/** The minimal image and curl, with which the runner uses signed URLs. */
export const curlImage = 'errand-curl:local';
/** Node and the libraries that it needs, with curl. */
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
    base: curlImage,
    dockerfile: `FROM ${curlImage}\nCOPY az /usr/local/bin/az\n`,
    files: new Map([['az', { from: fromRoot('scripts/stand-in-az.sh') }]]),
  };
}

/** Shared libraries of a program, by the path that its loader looks for them. */
function librariesOf(program: string): string[] {
  const listing = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...listing.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '').filter((path) => existsSync(path));
}

/** An image with one more program, and what that needs. */
function programRecipe(tag: string, base: string, name: string, program: string): ImageRecipe {
  const files = new Map([[name, { from: realpathSync(program) }]]);
  for (const library of librariesOf(program)) files.set(`libraries${library}`, { from: realpathSync(library) });
  const dockerfile = `FROM ${base}\nCOPY libraries/ /\nCOPY ${name} /usr/local/bin/${name}\n`;
  return { tag, base, dockerfile, files };
}

function curlRecipe(): ImageRecipe {
  const curl = findProgram('curl');
  if (curl === undefined) throw new Error('curl is missing: apt-get install curl');
  return programRecipe(curlImage, minimalImage, 'curl', curl);
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
  await buildImage(docker, curlRecipe(), { log });
  await buildImage(docker, azureCliRecipe(), { log });
  await buildImage(docker, programRecipe(nodeImage, curlImage, 'node', process.execPath), { log });
}
