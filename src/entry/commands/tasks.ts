import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { printable } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { connect } from './connect.ts';

export const tasksCommand = command({
  name: 'tasks',
  about: 'Lists the tasks of the server.',
  options: {},
  examples: [{ line: 'errand tasks', about: 'Names and descriptions' }],
  run: async (_, io) => {
    const tasks = await connect(io).tasks();
    if (io.json) {
      for (const task of tasks) await io.record(task);
      return exitCodes.done;
    }
    if (tasks.length === 0)
      io.note('This server has no tasks yet. Make one: errand init hello, then errand push hello');
    const { style } = io;
    const rows = tasks.map(({ taskName, description = '', enabled, valid, problem = '' }) => {
      if (!valid) return [taskName, style.red(`not valid: ${printable(problem)}`)];
      const [firstLine = ''] = printable(description).split('\n', 1);
      return [style.bold(taskName), enabled ? firstLine : `${style.yellow('switched off')}  ${firstLine}`];
    });
    await io.write(table(rows));
    return exitCodes.done;
  },
});
