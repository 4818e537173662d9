import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

import { packageRoot } from '../../../../src/entry/package-root.ts';
import { whenUp, type ServerProcess } from './servers.ts';

const run = promisify(execFile);

/** An earlier Errand, as its source was. */
export interface OldVersion {
  /** Its `errand serve` on a data directory, with processes. */
  serve(data: string): Promise<ServerProcess>;
}

/** Takes the source of a commit out of the history, into a directory. Answers with the reason where there is no such history. */
export async function oldVersion(commit: string, directory: string): Promise<OldVersion | { reason: string }> {
  const archive = join(directory, 'source.tar');
  try {
    const git = ['-C', packageRoot, 'archive', '--format=tar', commit, 'src', 'runner-image', 'package.json'];
    const { stdout } = await run('git', git, { encoding: 'buffer', maxBuffer: 1 << 26 });
    await writeFile(archive, stdout);
  } catch (error) {
    const said = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    return { reason: `the history up to ${commit} is not here: ${said}` };
  }
  const source = join(directory, 'source');
  await mkdir(source);
  await run('tar', ['-xf', archive, '-C', source]);
  await symlink(join(packageRoot, 'node_modules'), join(source, 'node_modules'));

  return {
    serve: (data) => {
      const child = spawn(process.execPath, [join(source, 'src', 'entry', 'cli.ts'), 'serve', '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env['PATH'],
          NODE_NO_WARNINGS: '1',
          ERRAND_DATA_DIR: data,
          ERRAND_DRIVER: 'process',
          ERRAND_PORT: '0',
        },
      });
      return whenUp(child, readyLine(child.stdout));
    },
  };
}

/** URL of the line that says where a server serves. It does not come where the server ends before; an error, which is a line too, then says why. */
async function readyLine(output: Readable): Promise<string> {
  const [text] = (await once(createInterface({ input: output }), 'line')) as [string];
  const line = JSON.parse(text) as { url?: string; message?: string };
  if (line.url === undefined) throw new Error(`the server does not serve: ${line.message ?? text}`);
  return line.url;
}
