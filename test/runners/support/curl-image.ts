import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';

import type Docker from 'dockerode';

import { findProgram } from '../../../scripts/debian-packages.ts';
import { buildImage } from '../../../scripts/image-build.ts';
import { ensureBusyboxImage } from '../../support/images.ts';

/** A shell, small tools and curl; no runner in it. */
const curlImage = 'errand-test-curl:local';

/** Makes the image from this machine's curl, with the libraries that it loads. */
export async function ensureCurlImage(docker: Docker): Promise<string> {
  const base = await ensureBusyboxImage(docker);
  const curl = findProgram('curl');
  if (curl === undefined) throw new Error('curl is missing: apt-get install curl');
  const loaded = execFileSync('ldd', [curl], { encoding: 'utf8' });
  const libraries = [...loaded.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap(([, path]) =>
    path === undefined ? [] : [path],
  );
  const loader = libraries.find((path) => basename(path).startsWith('ld-'));
  if (loader === undefined) throw new Error(`curl at ${curl} names no loader: ${loaded}`);
  const recipe = {
    tag: curlImage,
    base,
    dockerfile: [
      `FROM ${base}`,
      'COPY curl /usr/bin/curl',
      'COPY lib/ /usr/lib/',
      `COPY lib/${basename(loader)} ${loader}`,
      'ENV LD_LIBRARY_PATH=/usr/lib PATH=/usr/bin:/bin',
      '',
    ].join('\n'),
    files: new Map([
      ['curl', { from: realpathSync(curl) }],
      ...libraries.map((path) => [`lib/${basename(path)}`, { from: realpathSync(path) }] as const),
    ]),
  };
  await buildImage(docker, recipe, { log: () => undefined });
  return curlImage;
}
