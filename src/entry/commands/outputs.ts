import { randomBytes } from 'node:crypto';
import { open, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { table } from '../terminal/table.ts';
import { bytesText } from '../terminal/time-text.ts';
import { fileProblem } from '../terminal/file-problem.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { copyBody } from './copy-body.ts';
import { connect, findRunId } from './connect.ts';

export const outputsCommand = command({
  name: 'outputs',
  about: 'Lists the files that a run left in $ERRAND_OUTPUT_DIR, or fetches one.',
  operands: '<id> [file]',
  count: { least: 1, most: 2 },
  options: {
    output: {
      type: 'string',
      short: 'o',
      value: 'path',
      about: 'Where to put the file: a new file, or a folder; otherwise standard output',
    },
  },
  examples: [
    { line: 'errand outputs last', about: 'Their names' },
    { line: 'errand outputs last report.csv -o .', about: 'Fetch one into this folder' },
  ],
  run: async ({ values, positionals: [given = '', file] }, io) => {
    const client = connect(io);
    const id = await findRunId(client, given);
    if (file === undefined) {
      if (values.output !== undefined)
        throw new UsageError('Which file? "errand outputs <id>" lists them; then: errand outputs <id> <file> -o path');
      const { files, taskName, endedAt } = await client.get(id);
      if (io.json) for (const each of files) await io.record(each);
      else
        await io.write(
          table(files.map(({ name, bytes, sha256 }) => [name, bytesText(bytes), io.style.dim(`sha256 ${sha256}`)])),
        );
      if (files.length === 0)
        io.note(
          `${taskName} ${id} ${endedAt === undefined ? 'has not ended yet: files are there when it has' : 'left no files'}.`,
        );
      return exitCodes.done;
    }
    const response = await client.output(id, file);
    if (values.output === undefined || values.output === '-') {
      await copyBody(response, io.write);
      return exitCodes.done;
    }
    const path = await targetPath(values.output, file);
    const bytes = await save(response, path);
    if (io.json) await io.record({ type: 'file', name: file, path, bytes });
    else await io.line(`${path}: ${bytesText(bytes)}`);
    return exitCodes.done;
  },
});

async function targetPath(given: string, file: string): Promise<string> {
  const info = await stat(given).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return info?.isDirectory() === true ? join(given, file) : given;
}

/** A file that was cut off must not look like a whole one, so it gets its name last. */
async function save(response: Response, path: string): Promise<number> {
  const partial = `${path}.${randomBytes(6).toString('hex')}.partial`;
  const handle = await open(partial, 'wx').catch((error: unknown) => {
    throw new UsageError(`${path} cannot be written: ${fileProblem(error)}.`);
  });
  let bytes = 0;
  try {
    await copyBody(response, async (chunk) => {
      bytes += chunk.byteLength;
      await handle.writeFile(chunk);
    });
    await handle.close();
    await rename(partial, path);
  } catch (error) {
    // What went wrong before is what has to be told; this only clears up after it.
    await handle.close().catch(() => undefined);
    await unlink(partial).catch(() => undefined);
    throw error;
  }
  return bytes;
}
