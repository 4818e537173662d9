import { appendFile, link, mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesystemArtifacts } from '../../src/artifacts/filesystem.ts';
import { systemClock } from '../../src/core/clock.ts';
import { artifactStoreConformance } from '../../src/testing/artifact-store-conformance.ts';

artifactStoreConformance({ describe, test, expect }, 'filesystem', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'errand-artifacts-'));
  const open = () => filesystemArtifacts({ directory: join(directory, 'data'), clock: systemClock });
  return {
    store: open(),
    second: open(),
    runner(access) {
      if (access.kind !== 'directory') throw new TypeError('this store gives directories');
      const box = access.exchange;
      const atOnce = async (name: string, text: string): Promise<void> => {
        await writeFile(join(box, '.new'), text);
        await link(join(box, '.new'), join(box, name));
        await unlink(join(box, '.new'));
      };
      return {
        takeFence: (text) => atOnce('fence', text),
        log: (text) => appendFile(join(box, 'log'), text),
        output: (text) => writeFile(join(box, 'output.json'), text),
        async file(name, text) {
          await mkdir(join(box, 'outputs'), { recursive: true });
          await writeFile(join(box, 'outputs', name), text);
        },
        result: (text) => atOnce('result.json', text),
      };
    },
    dispose: () => rm(directory, { recursive: true }),
  };
});
