import type { Client } from '../../client/client.ts';
import { versionOf } from '../../core/versions.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { connect } from './connect.ts';
import { differenceText } from './difference-text.ts';
import { definitionsBelow, readTask, type LocalTask } from './task-folder.ts';

/** One task, and what is to become of it. */
type Change =
  | { change: 'created' | 'changed' | 'unchanged'; local: LocalTask; there?: Awaited<ReturnType<Client['task']>> }
  | { change: 'removed' | 'kept'; taskName: string; etag?: string };

export const applyCommand = command({
  name: 'apply',
  about:
    'Makes the tasks of the server what is in a folder and the folders below it: shows the difference, then pushes what is new or changed.',
  operands: '<folder>',
  count: { least: 1, most: 1 },
  options: {
    'dry-run': { type: 'boolean', about: 'Only show the difference' },
    prune: { type: 'boolean', about: 'Remove tasks that are on the server and not in the folder' },
  },
  examples: [
    { line: 'errand apply tasks --dry-run', about: 'What would change' },
    { line: 'errand apply tasks --prune', about: 'The server has these tasks and no others' },
  ],
  more: 'Everything is read and checked before anything is sent. A task that somebody else changes meanwhile is not overwritten: apply again.\nThe key needs the scopes tasks:read and tasks:write. With --prune, tasks that the key may not see stay.',
  run: async ({ values, positionals: [folder = ''] }, io) => {
    const client = connect(io);
    const tasks: LocalTask[] = [];
    for (const file of await definitionsBelow(folder)) tasks.push(await readTask(file));
    refuseClashes(tasks);
    const changes = await compare(client, tasks, values.prune);
    for (const change of changes) {
      await show(change, io);
      if (!values['dry-run']) await carryOut(client, change);
    }
    await summary(changes, values['dry-run'], io);
    return exitCodes.done;
  },
});

/** Names of tasks and of executables are the server's own, whatever folders they come from. */
function refuseClashes(tasks: readonly LocalTask[]): void {
  for (const [taskName, same] of Map.groupBy(tasks, ({ definition }) => definition.taskName))
    if (same.length > 1)
      throw new UsageError(
        `${taskName} is defined in ${same.map(({ file }) => file).join(' and in ')}: leave one of them out.`,
      );
  for (const [scriptName, same] of Map.groupBy(tasks, ({ definition }) => definition.scriptName))
    if (new Set(same.map(({ sha256 }) => sha256)).size > 1)
      throw new UsageError(
        `${same.map(({ file }) => file).join(' and ')} name an executable ${scriptName} each, and the two differ: on the server there is one file of a name, so give one of them another.`,
      );
}

async function compare(client: Client, tasks: readonly LocalTask[], prune: boolean): Promise<Change[]> {
  const listed = await client.tasks();
  const changes: Change[] = [];
  for (const local of tasks) {
    const { taskName } = local.definition;
    const known = listed.find((each) => each.taskName === taskName);
    // One that somebody has put there and that is not valid is replaced unseen.
    const there = known?.valid === true ? await client.task(taskName) : undefined;
    const isSame = there?.version === versionOf(local.document, local.sha256);
    const change = known === undefined ? 'created' : isSame ? 'unchanged' : 'changed';
    changes.push({ change, local, ...(there === undefined ? {} : { there }) });
  }
  const ours = new Set(tasks.map(({ definition }) => definition.taskName));
  for (const { taskName, valid } of listed) {
    if (ours.has(taskName)) continue;
    const etag = valid && prune ? { etag: (await client.task(taskName)).etag } : {};
    changes.push({ change: prune ? 'removed' : 'kept', taskName, ...etag });
  }
  return changes;
}

const marks = { created: '+', changed: '~', removed: '-', unchanged: '=', kept: '?' } as const;

async function show(each: Change, io: Io): Promise<void> {
  const { change } = each;
  const taskName = 'local' in each ? each.local.definition.taskName : each.taskName;
  if ('local' in each)
    for (const warning of each.local.warnings) io.note(`${io.noteStyle.yellow('warning:')} ${warning}`);
  if (io.json) {
    const version = 'local' in each ? { version: versionOf(each.local.document, each.local.sha256) } : {};
    return io.record({ type: 'task', taskName, change, ...version });
  }
  if (change === 'unchanged' || change === 'kept') return;
  const paint = { created: io.style.green, changed: io.style.yellow, removed: io.style.red }[change];
  await io.line(`${paint(marks[change])} ${io.style.bold(taskName)}${'local' in each ? `  ${each.local.file}` : ''}`);
  if ('local' in each && each.there !== undefined) await io.write(differenceText(each.there, each.local, io.style));
}

async function carryOut(client: Client, each: Change): Promise<void> {
  if (each.change === 'removed') {
    await client.removeTask(each.taskName, { ifMatch: each.etag });
  } else if (each.change === 'created' || each.change === 'changed') {
    const { definition, document, executable } = each.local;
    const body = new Blob([executable]);
    await client.push(definition.taskName, document, { executable: body, ifMatch: each.there?.etag });
  }
}

async function summary(changes: readonly Change[], isDry: boolean, io: Io): Promise<void> {
  const count = (change: Change['change']): number => changes.filter((each) => each.change === change).length;
  const kept = count('kept');
  if (kept > 0 && !io.json)
    io.note(`${kept} more on the server and not in the folder: --prune removes what is not here.`);
  const figures = { created: count('created'), changed: count('changed'), removed: count('removed') };
  if (io.json) return io.record({ type: isDry ? 'planned' : 'applied', ...figures, unchanged: count('unchanged') });
  const words = `${figures.created} new, ${figures.changed} changed, ${figures.removed} removed, ${count('unchanged')} unchanged`;
  await io.line(isDry ? `${words}; nothing was sent` : words);
}
