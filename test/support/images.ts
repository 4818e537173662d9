import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import type Docker from 'dockerode';

import { findProgram } from '../../scripts/debian-packages.ts';

/** A shell and small tools; no runner in it. */
export const busyboxImage = 'errand-test-busybox:local';

const applets =
  'sh cat ls sleep ping nc wget id grep dd env mkdir rm ps kill setsid ip true mount head tail tr od date printf touch yes wc cut sed seq';

/** Makes {@link busyboxImage} where it is not there yet. */
export async function ensureBusyboxImage(docker: Docker): Promise<string> {
  const present = await docker
    .getImage(busyboxImage)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  if (!present) {
    await withRootFileSystem(async (root) => importDirectory(docker, root, busyboxImage, []));
  }
  return busyboxImage;
}

/** Hands out a directory with a root file system made of busybox alone. */
export async function withRootFileSystem<T>(body: (root: string) => Promise<T>): Promise<T> {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox is missing: apt-get install busybox-static');
  const root = await mkdtemp(join(tmpdir(), 'errand-image-'));
  try {
    for (const directory of ['bin', 'etc', 'tmp', 'proc', 'dev', 'sys']) await mkdir(join(root, directory));
    await copyFile(busybox, join(root, 'bin/busybox'));
    for (const applet of applets.split(' ')) await symlink('busybox', join(root, 'bin', applet));
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nnobody:x:65534:\n');
    return await body(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** An image of one layer. `changes` are lines of a Dockerfile. */
export async function importDirectory(docker: Docker, root: string, tag: string, changes: string[]): Promise<void> {
  const tar = spawn('tar', ['-c', '-C', root, '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [repo, version] = tag.split(':');
  const stream = await docker.importImage(tar.stdout, { repo, tag: version, changes });
  for await (const chunk of stream as Readable) {
    const { error } = JSON.parse(String(chunk).split('\n')[0] ?? '{}') as { error?: string };
    if (error !== undefined) throw new Error(error);
  }
}
