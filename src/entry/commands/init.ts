import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { imagePattern, taskNamePattern } from '../../contract/names.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { templateFiles } from './init-template.ts';

export const initCommand = command({
  name: 'init',
  about: 'Makes a folder with a task that runs: a definition, an executable, and a page about both.',
  operands: '<folder>',
  count: { least: 1, most: 1 },
  options: {
    task: { type: 'string', value: 'Name', about: "Name of the task; otherwise made from the folder's" },
    image: { type: 'string', value: 'image', about: 'Image that the task runs in; it needs a shell' },
  },
  examples: [
    { line: 'errand init hello', about: 'Task Hello in the folder hello' },
    { line: 'errand init jobs/report --task NightlyReport', about: 'A name of its own' },
  ],
  run: async ({ values, positionals: [folder = ''] }, io) => {
    const directory = resolve(folder);
    const taskName = values.task ?? taskNameFrom(basename(directory));
    if (!taskNamePattern.test(taskName)) {
      throw new UsageError(
        `"${taskName}" cannot name a task: letters, digits, inner hyphens and underscores, at most 63. Give another one: errand init ${shellWord(folder)} --task Name`,
      );
    }
    const { image } = values;
    if (image !== undefined && !imagePattern.test(image)) {
      throw new UsageError(
        `"${image}" is no name of an image: write --image alpine:3, or registry.example.org/team/tool:1.4.`,
      );
    }
    await refuseFull(directory, folder);
    await mkdir(directory, { recursive: true });
    const files = templateFiles({ taskName, folder: shellWord(folder), image });
    for (const { name, text, mode } of files) await writeFile(join(directory, name), text, { flag: 'wx', mode });

    if (io.json) {
      await io.record({ type: 'init', folder, taskName, files: files.map(({ name }) => name) });
      return exitCodes.done;
    }
    for (const { name, about } of files)
      await io.line(`  ${io.style.green('+')} ${join(folder, name)}  ${io.style.dim(about)}`);
    await io.line(`\nNext, with a server at hand ("errand dev" in another terminal):\n`);
    await io.line(`  errand push ${shellWord(folder)}\n  errand run ${taskName} -p Name=World --follow`);
    return exitCodes.done;
  },
});

/** As a shell takes it for one word: what is shown is there to be copied. */
function shellWord(text: string): string {
  return /^[\w./@:+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Nothing of what is there may be lost, so a folder with anything in it is left alone. */
async function refuseFull(directory: string, folder: string): Promise<void> {
  const found = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR')
      throw new UsageError(`${folder} is a file: give the name of a folder that is not there yet.`);
    throw error;
  });
  if (found.length === 0) return;
  throw new UsageError(
    `${folder} is there already and not empty (it has ${found[0]}): nothing is overwritten. Give another name, or empty it.`,
  );
}

/** `stop-vm` becomes `StopVm`. */
function taskNameFrom(folder: string): string {
  return folder
    .split(/[^A-Za-z0-9]+/)
    .filter((part) => part !== '')
    .map((part) => `${part.charAt(0).toUpperCase()}${part.slice(1)}`)
    .join('');
}
