import { join, relative } from 'node:path';
import { ErrandError } from '../../contract/errors.ts';
import type { Definitions, StoredTask } from '../../core/definitions.ts';
import { versionOf } from '../../core/versions.ts';
import { packageRoot } from '../package-root.ts';
import type { Io } from '../terminal/io.ts';
import type { LocalTask } from './task-folder.ts';

/**
 * Pushes the examples of the package, each by `push`, and returns the names of their tasks, sorted. One that cannot be pushed is named and left out: the others are worth
 * having.
 */
export async function pushExamples(push: (task: LocalTask) => Promise<unknown>, io: Io): Promise<string[]> {
  const { definitionsBelow, readTask } = await import('./task-folder.ts');
  const names: string[] = [];
  for (const file of await definitionsBelow(join(packageRoot, 'examples'))) {
    try {
      const task = await readTask(file);
      await push(task);
      names.push(task.definition.taskName);
    } catch (error) {
      io.note(
        `${io.noteStyle.yellow('warning:')} ${relative(packageRoot, file)} was not pushed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return names.toSorted();
}

/**
 * Stores an example where there is no task of its name. One that is there may be somebody's own, as the Hello of `errand init hello` is: a start must not take it away.
 */
export function storeUnlessThere(
  definitions: Pick<Definitions, 'load' | 'store'>,
  io: Io,
): (task: LocalTask) => Promise<void> {
  return async ({ definition: { taskName }, document, executable, sha256 }) => {
    const there = await storedTask(definitions, taskName);
    if (there === undefined) await definitions.store(taskName, document, executable, {});
    else if (
      there === 'invalid' ||
      versionOf(there.document, there.definition.sha256 ?? '') !== versionOf(document, sha256)
    )
      io.note(`The task ${taskName} is left as it is: it is not the example of that name.`);
  };
}

async function storedTask(
  definitions: Pick<Definitions, 'load'>,
  taskName: string,
): Promise<StoredTask | 'invalid' | undefined> {
  try {
    return await definitions.load(taskName);
  } catch (error) {
    if (error instanceof ErrandError && error.code === 'taskNotFound') return undefined;
    if (error instanceof ErrandError && error.code === 'invalidDefinition') return 'invalid';
    throw error;
  }
}
