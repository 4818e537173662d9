import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type Docker from 'dockerode';

import type { Log } from './debian-packages.ts';

export interface ImageRecipe {
  /** With its tag: `errand-minimal:local`. */
  readonly tag: string;
  /** Text of the Dockerfile. */
  readonly dockerfile: string;
  /** The build context: path inside it → file on this machine, or text. */
  readonly files: ReadonlyMap<string, { readonly from: string } | { readonly text: string }>;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Local image named in FROM, if any: a change of it makes a new image of this one. */
  readonly base?: string;
}

const contentLabel = 'errand.content';

const bytesOf = (file: { readonly from: string } | { readonly text: string }): Buffer =>
  'text' in file ? Buffer.from(file.text) : readFileSync(file.from);

async function inspectImage(docker: Docker, tag: string): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await docker.getImage(tag).inspect();
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return undefined;
    throw error;
  }
}

async function contentHash(docker: Docker, recipe: ImageRecipe): Promise<string> {
  const hash = createHash('sha256');
  const part = (text: string | Buffer): void => {
    hash.update(`${Buffer.byteLength(text)}:`).update(text);
  };
  part(recipe.dockerfile);
  part(JSON.stringify(recipe.buildArgs ?? {}));
  for (const [path, file] of recipe.files) {
    part(path);
    part(bytesOf(file));
  }
  if (recipe.base !== undefined) part((await inspectImage(docker, recipe.base))?.Id ?? '');
  return hash.digest('hex');
}

function stage(recipe: ImageRecipe): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-image-'));
  writeFileSync(join(folder, 'Dockerfile'), recipe.dockerfile);
  for (const [path, file] of recipe.files) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    if ('text' in file) writeFileSync(target, file.text);
    else copyFileSync(file.from, target);
    // Contexts hold programs and scripts: readable and runnable by any user of the image.
    chmodSync(target, 0o755);
  }
  return folder;
}

interface BuildMessage {
  readonly stream?: string;
  readonly error?: string;
}

/**
 * Builds an image with the engine's own builder, which needs neither the docker command nor a registry.
 * A tag whose content label is the same already is left as it is. Errors carry the builder's last lines.
 */
export async function buildImage(docker: Docker, recipe: ImageRecipe, { log }: { log: Log }): Promise<void> {
  const content = await contentHash(docker, recipe);
  const present = await inspectImage(docker, recipe.tag);
  if (present?.Config.Labels?.[contentLabel] === content) return;

  log(`Building the image ${recipe.tag}`);
  const folder = stage(recipe);
  try {
    // One layer of files with fixed owners, so that the same recipe gives the same image everywhere.
    const tar = spawn('tar', ['-C', folder, '--owner=0', '--group=0', '--numeric-owner', '-cf', '-', '.'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const answer = await docker.buildImage(tar.stdout, {
      t: recipe.tag,
      labels: { [contentLabel]: content },
      buildargs: { ...recipe.buildArgs },
      networkmode: 'none',
      forcerm: true,
    });
    const messages = await new Promise<BuildMessage[]>((resolve, reject) => {
      docker.modem.followProgress(answer, (error: Error | null, output: BuildMessage[]) => {
        if (error === null) resolve(output);
        else reject(error);
      });
    });
    const failed = messages.find((message) => message.error !== undefined);
    if (failed !== undefined) {
      const steps = messages.map((message) => message.stream ?? '').join('');
      throw new Error(`The image ${recipe.tag} could not be built: ${failed.error}\n${steps.slice(-2000)}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
