import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { bytesText } from '../terminal/time-text.ts';
import { connect } from './connect.ts';
import { definitionFiles, readTask, type LocalTask } from './task-folder.ts';

export const pushCommand = command({
  name: 'push',
  about:
    'Gives tasks to the server: each definition with the executable beside it. Checked here first; nothing is sent while one of them is wrong.',
  operands: '<folder|file.json>…',
  count: { least: 1, most: 1_000 },
  options: {},
  examples: [
    { line: 'errand push hello', about: 'The task of the folder hello' },
    { line: 'errand push tasks/*', about: 'Every task folder in tasks' },
  ],
  more: 'The SHA-256 of the executable is written into what is pushed, so that a run takes that very file or none.\nThe file on your disk stays as it is.',
  run: async ({ positionals }, io) => {
    const client = connect(io);
    const tasks: LocalTask[] = [];
    for (const path of positionals) for (const file of await definitionFiles(path)) tasks.push(await readTask(file));
    for (const { file, definition, document, executable, sha256, warnings } of tasks) {
      const { taskName, scriptName } = definition;
      for (const warning of warnings) io.note(`${io.noteStyle.yellow('warning:')} ${warning}`);
      const { etag } = await client.push(taskName, document, { executable: new Blob([executable]) });
      const bytes = executable.byteLength;
      if (io.json) await io.record({ type: 'pushed', taskName, file, scriptName, bytes, sha256, etag, warnings });
      else {
        await io.line(
          `${io.style.green('pushed')} ${io.style.bold(taskName)}  ${scriptName}, ${bytesText(bytes)}  ${io.style.dim(`sha256 ${sha256} written into its definition`)}`,
        );
      }
    }
    return exitCodes.done;
  },
});
