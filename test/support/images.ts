import { realpathSync } from 'node:fs';
import type { Readable } from 'node:stream';

import type Docker from 'dockerode';

import { findProgram } from '../../scripts/debian-packages.ts';
import { buildImage } from '../../scripts/image-build.ts';

/** A shell and small tools; no runner in it. */
export const busyboxImage = 'errand-test-busybox:local';

const accounts = {
  passwd: { text: 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' },
  group: { text: 'root:x:0:\nnobody:x:65534:\n' },
};

/** Makes {@link busyboxImage} where it is not there yet. */
export async function ensureBusyboxImage(docker: Docker): Promise<string> {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox is missing: apt-get install busybox-static');
  const install = '/bin/busybox --install -s /bin && mkdir -m 1777 /tmp';
  await buildImage(
    docker,
    {
      tag: busyboxImage,
      dockerfile: [
        'FROM scratch',
        'COPY busybox /bin/busybox',
        'COPY passwd group /etc/',
        `RUN ["/bin/busybox", "sh", "-c", "${install}"]`,
        'CMD ["sh"]',
        '',
      ].join('\n'),
      files: new Map<string, { from: string } | { text: string }>([
        ['busybox', { from: realpathSync(busybox) }],
        ...Object.entries(accounts),
      ]),
    },
    { log: () => undefined },
  );
  return busyboxImage;
}

/** An image that was made only to be difficult. `lines` are those of its Dockerfile. */
export async function buildOddImage(docker: Docker, tag: string, lines: readonly string[]): Promise<string> {
  const recipe = { tag, dockerfile: `${lines.join('\n')}\n`, files: new Map(Object.entries(accounts)) };
  await buildImage(docker, recipe, { log: () => undefined });
  return tag;
}

/** The root file system of an image, as a tar archive. */
export async function exportImage(docker: Docker, image: string): Promise<Buffer> {
  const container = await docker.createContainer({ Image: image, Cmd: ['never-started'] });
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of (await container.export()) as Readable) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } finally {
    await container.remove({ force: true });
  }
}
