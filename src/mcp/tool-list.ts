import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import type { TaskSummary } from '../contract/run.ts';
import { isRefusedWith } from './call-error.ts';
import type { Errand } from './errand.ts';
import type { RunTool } from './run-tools.ts';
import { taskTool, type ParameterSchema } from './task-tool.ts';

/** Schemas that are asked for at once: each is a look at a file. */
const atOnce = 8;

/** The tools of whoever asks: each task that it may start runs of, and those of the tools for runs that it has the scope for. */
export async function toolList(
  errand: Errand,
  runTools: Readonly<Record<string, RunTool>>,
  signal: AbortSignal,
): Promise<Tool[]> {
  const { scopes } = await errand.whoami({ signal });
  const mayRun = scopes.includes('runs:create') && scopes.includes('tasks:read');
  const tasks = mayRun ? (await errand.tasks({ signal })).filter(({ enabled, valid }) => enabled && valid) : [];
  const tools: Tool[] = [];
  for (let from = 0; from < tasks.length; from += atOnce) {
    const some = tasks.slice(from, from + atOnce);
    tools.push(...(await Promise.all(some.map((task) => toolOf(task, errand, signal)))).flat());
  }
  return [...tools, ...Object.values(runTools).flatMap(({ scope, tool }) => (scopes.includes(scope) ? [tool] : []))];
}

/** None where the task has gone or broken since it was listed. */
async function toolOf(task: TaskSummary, errand: Errand, signal: AbortSignal): Promise<Tool[]> {
  try {
    return [taskTool(task, (await errand.schema(task.taskName, { signal })) as unknown as ParameterSchema)];
  } catch (error) {
    if (isRefusedWith(error, 'taskNotFound') || isRefusedWith(error, 'invalidDefinition')) return [];
    throw error;
  }
}
