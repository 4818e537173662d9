import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '../../client/client.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { connect, withTaskNames } from './connect.ts';

interface ExportedFile {
  path: string;
  content: Uint8Array;
  mode: number;
}

export const exportCommand = command({
  name: 'export',
  about: 'Writes tasks of the server into folders, as "errand apply" and "errand push" take them.',
  operands: '<folder> [Task[@version]…]',
  count: { least: 1, most: 1_000 },
  options: {
    force: { type: 'boolean', about: 'Write over files that are there and differ' },
  },
  examples: [
    { line: 'errand export tasks', about: 'All of them: the beginning of a repository' },
    { line: 'errand export old StopVM@3f2a91c07be45d18', about: 'One as it was' },
  ],
  more: 'The key needs the scopes tasks:read and tasks:write: executables are for those alone who may change them.\nA sha256 in a definition is left out: push and apply fill it in, and the executable may be changed in between.',
  run: async ({ values, positionals: [folder = '', ...given] }, io) => {
    const client = connect(io);
    const names = given.length > 0 ? given : (await client.tasks()).map(({ taskName }) => taskName);
    if (names.length === 0) io.note('This server has no tasks: nothing was written.');
    // All is fetched and looked at before anything is written.
    const tasks = new Map<string, ExportedFile[]>();
    for (const name of names) tasks.set(name, await fetchTask(client, folder, name));
    if (!values.force) await refuseDifferent([...tasks.values()].flat());
    for (const [name, files] of tasks) {
      await mkdir(join(folder, taskOf(name).taskName), { recursive: true });
      for (const { path, content, mode } of files) await writeFile(path, content, { mode });
      const paths = files.map(({ path }) => path);
      if (io.json) await io.record({ type: 'exported', taskName: taskOf(name).taskName, files: paths });
      else await io.line(`${io.style.green('exported')} ${io.style.bold(name)}  ${paths.join(', ')}`);
    }
    return exitCodes.done;
  },
});

function taskOf(name: string): { taskName: string; version: string | undefined } {
  const [taskName = '', version] = name.split('@', 2);
  return { taskName, version };
}

async function fetchTask(client: Client, folder: string, name: string): Promise<ExportedFile[]> {
  const { taskName, version } = taskOf(name);
  const { document } = await (version === undefined ? client.task(taskName) : client.version(taskName, version)).catch(
    async (error: unknown) => {
      throw await withTaskNames(client, taskName, error);
    },
  );
  const { sha256: _, ...written } = document;
  const answer = await client.executable(taskName, { version });
  return [
    {
      path: join(folder, taskName, `${taskName}.json`),
      content: Buffer.from(`${JSON.stringify(written, null, 2)}\n`),
      mode: 0o644,
    },
    {
      path: join(folder, taskName, document.scriptName),
      content: new Uint8Array(await answer.arrayBuffer()),
      mode: 0o755,
    },
  ];
}

async function refuseDifferent(files: readonly ExportedFile[]): Promise<void> {
  const different: string[] = [];
  for (const { path, content } of files) {
    const there = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (there !== undefined && !there.equals(content)) different.push(path);
  }
  if (different.length > 0)
    throw new UsageError(
      `${different.join(', ')} ${different.length === 1 ? 'is there and differs' : 'are there and differ'}: nothing was written. Give another folder, or --force to write over ${different.length === 1 ? 'it' : 'them'}.`,
    );
}
