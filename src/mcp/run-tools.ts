import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { runIdPattern } from '../contract/names.ts';
import type { Scope } from '../contract/routes.ts';
import { runStates } from '../contract/run.ts';
import { problemsOf } from '../core/problems.ts';
import type { Call, WaitBounds } from './call.ts';
import { errorResult, refusal } from './call-error.ts';
import { answer } from './call-task.ts';
import { readLogPart } from './log-part.ts';
import { plainText } from './plain-text.ts';
import { runFacts, runResult, runSentence } from './run-result.ts';
import type { RunToolName } from './task-tool.ts';
import { watchRun } from './watch-run.ts';

/** A tool for runs, and the scope that a key needs for it. */
export interface RunTool {
  scope: Scope;
  tool: Tool;
  call(given: Readonly<Record<string, unknown>>, call: Call): Promise<CallToolResult>;
}

const id = z.string().regex(runIdPattern).meta({ description: 'Id of the run' });
const usualLogBytes = 16 * 1024;
const mostLogBytes = 64 * 1024;

export type RunTools = Readonly<Record<RunToolName, RunTool>>;

/** Made once for all servers of tools: their schemas are costly to make. */
export function runTools({ usual, longest }: WaitBounds): RunTools {
  return {
    get_run: runTool({
      name: 'get_run',
      scope: 'runs:read',
      about: 'Looks at one run: state, exit code, output, files, why it waits.',
      schema: z.strictObject({ id }),
      annotations: { readOnlyHint: true },
      call: async (given, { errand, signal }) => runResult(await errand.get(given.id, { signal })),
    }),
    list_runs: runTool({
      name: 'list_runs',
      scope: 'runs:read',
      about: 'Lists runs, newest first. Look here before you repeat a call whose answer was lost.',
      schema: z.strictObject({
        task: z.string().max(200).optional().meta({ description: 'Only of this task' }),
        states: z
          .array(z.enum(runStates))
          .max(runStates.length)
          .optional()
          .meta({ description: 'Only in these states' }),
        since: z.string().max(40).optional().meta({ description: 'Accepted at this instant (RFC 3339) or later' }),
        limit: z.int().min(1).max(50).default(10),
        cursor: z.string().max(1_000).optional().meta({ description: 'Of the page before' }),
      }),
      annotations: { readOnlyHint: true },
      call: async (query, { errand, signal }) => {
        const { runs, cursor } = await errand.list(query, { signal });
        const text = runs.length === 0 ? 'No such runs.' : runs.map(runSentence).join('\n');
        const more = cursor === undefined ? {} : { cursor };
        return {
          content: [{ type: 'text', text: cursor === undefined ? text : `${text}\nMore with cursor ${cursor}` }],
          structuredContent: { runs: runs.map(runFacts), ...more },
        };
      },
    }),
    get_run_log: runTool({
      name: 'get_run_log',
      scope: 'runs:read',
      about: 'Reads what a run wrote: the end of its log, or a part from an offset on.',
      schema: z.strictObject({
        id,
        attempt: z.int().min(1).max(999).optional().meta({ description: 'Of this attempt; otherwise of the last' }),
        offset: z.int().min(0).optional().meta({ description: 'In bytes; without it, the end of the log is read' }),
        bytes: z.int().min(4).max(mostLogBytes).default(usualLogBytes).meta({ description: 'At most so many' }),
      }),
      annotations: { readOnlyHint: true },
      call: async ({ id: runId, ...asked }, { errand, signal }) => {
        const { text: written, start, end, size } = await readLogPart(errand, runId, asked, signal);
        const text = plainText(written);
        return {
          content: [{ type: 'text', text: text === '' ? 'There is nothing in the log here.' : text }],
          structuredContent: { id: runId, text, offset: start, nextOffset: end, size },
        };
      },
    }),
    wait_for_run: runTool({
      name: 'wait_for_run',
      scope: 'runs:read',
      about:
        'Waits for the end of a run, and answers with what came of it. Answers with the run as it is when the time is over.',
      schema: z.strictObject({
        id,
        seconds: z.int().min(1).max(longest).default(usual).meta({ description: 'How long to wait' }),
      }),
      annotations: { readOnlyHint: true },
      call: async ({ id: runId, seconds }, call) => {
        const run = await call.errand.get(runId, { signal: call.signal });
        return answer(await watchRun(run, call, { seconds, withLog: false }), call);
      },
    }),
    cancel_run: runTool({
      name: 'cancel_run',
      scope: 'runs:cancel',
      about: 'Ends a run. A task that runs gets TERM, and KILL after its grace. A run that has ended stays as it is.',
      schema: z.strictObject({ id }),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
      call: async (given, { errand, signal }) => {
        const run = await errand.cancel(given.id, { signal });
        // Canceled is what was asked for, so it is no failure here.
        return { ...runResult(run), isError: false };
      },
    }),
  };
}

function runTool<S extends z.ZodType>(spec: {
  name: RunToolName;
  scope: Scope;
  about: string;
  schema: S;
  annotations: NonNullable<Tool['annotations']>;
  call(given: z.output<S>, call: Call): Promise<CallToolResult>;
}): RunTool {
  const { name, scope, about, schema, annotations } = spec;
  const { $schema: _, ...inputSchema } = z.toJSONSchema(schema, { io: 'input' });
  return {
    scope,
    tool: { name, description: about, inputSchema: inputSchema as Tool['inputSchema'], annotations },
    call: async (given, call) => {
      const parsed = schema.safeParse(given, { reportInput: true });
      if (!parsed.success) {
        const problems = problemsOf(parsed.error);
        return refusal(problems.map((problem) => ({ ...problem, path: `/arguments${problem.path}` })));
      }
      try {
        return await spec.call(parsed.data, call);
      } catch (error) {
        return errorResult(error);
      }
    },
  };
}
