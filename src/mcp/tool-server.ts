import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  SetLevelRequestSchema,
  type CallToolResult,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { ErrandApiError, ErrandConnectionError } from '../client/client.ts';
import { taskNamePattern } from '../contract/names.ts';
import type { Clock } from '../core/clock.ts';
import { callKey } from './call-key.ts';
import type { Call, WaitBounds } from './call.ts';
import { refusal } from './call-error.ts';
import { callTask } from './call-task.ts';
import type { Errand } from './errand.ts';
import type { LogLevels } from './log-levels.ts';
import type { RunTools } from './run-tools.ts';
import { toolList } from './tool-list.ts';
import { taskNameOf } from './task-tool.ts';

export interface ToolServerOptions {
  errand: Errand;
  clock: Clock;
  version: string;
  /** Names the conversation with one client; undefined where it has none. */
  session: string | undefined;
  levels: LogLevels;
  waits: WaitBounds;
  tools: RunTools;
  /** Aborts when the server is stopping: calls under way then answer with their run as it is. */
  closing?: AbortSignal | undefined;
  /** Called when a tool has its answer, before it is sent. A canceled call is not answered. */
  onCallEnd?: (end: { canceled: boolean }) => void;
  onProblem: (error: unknown, message: string) => void;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** How long one call shall wait for its run, in the `_meta` of a request: an argument of that name could be a parameter of the task. */
export const waitSecondsMeta = 'errand/waitSeconds';

/**
 * Arguments are taken as they came, since the API is to judge them: the SDK's own schema would leave a `__proto__` out in silence. That they are an
 * object it has seen to before a handler is called.
 */
const callSchema = z.object({
  method: z.literal('tools/call'),
  params: z.looseObject({ name: z.string().catch(''), arguments: z.unknown().optional() }).prefault({ name: '' }),
});

const instructions =
  'Errand runs tasks, each run in one fresh container. Every task is a tool: calling it starts a run and waits for its end for a while. ' +
  'When the answer says that the run goes on, call wait_for_run with its id. get_run_log reads what a run wrote. ' +
  'If the answer of a call was lost, look with list_runs before you call again: a second call is a second run.';

/** Nothing is asked of clients that would have to be validated; made once, since the SDK's default compiles anew for every server. */
const noValidator = {
  getValidator: (): never => {
    throw new Error('no client is asked for anything');
  },
};

/** Serves the tools on a transport. The signal that it resolves with aborts once either side has closed it. */
export async function serveTools(transport: Transport, options: ToolServerOptions): Promise<AbortSignal> {
  const { errand, version, levels, session = '', waits, tools } = options;
  const gone = new AbortController();
  // Set before the SDK sets its own, which calls it first: what aborts calls from here on is the end of the connection, not their caller.
  Object.assign(transport, { onclose: () => gone.abort() } satisfies Pick<Transport, 'onclose'>);
  const server = new Server(
    { name: 'errand', title: 'Errand', version },
    { capabilities: { tools: {}, logging: {} }, instructions, jsonSchemaValidator: noValidator },
  );
  Object.assign(server, {
    onerror: (error: Error) => options.onProblem(error, 'a message of a client could not be taken or answered'),
  } satisfies Pick<Server, 'onerror'>);

  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    levels.set(session, params.level);
    return {};
  });

  server.setRequestHandler(ListToolsRequestSchema, async (_, { signal }) => {
    try {
      return { tools: await toolList(errand, tools, signal) };
    } catch (error) {
      throw protocolError(error);
    }
  });

  server.setRequestHandler(callSchema, async ({ params }, extra): Promise<CallToolResult> => {
    const call = callOf(extra, gone.signal, options);
    try {
      if (!Number.isInteger(call.waitSeconds) || call.waitSeconds < 1 || call.waitSeconds > waits.longest)
        return refusal([waitProblem(waits)]);
      return await callTool(params.name, (params.arguments ?? {}) as Record<string, unknown>, call, tools);
    } catch (error) {
      throw protocolError(error);
    } finally {
      options.onCallEnd?.({ canceled: call.isCanceled() });
    }
  });

  await server.connect(transport);
  return gone.signal;
}

async function callTool(
  name: string,
  given: Readonly<Record<string, unknown>>,
  call: Call,
  tools: RunTools,
): Promise<CallToolResult> {
  if (Object.hasOwn(tools, name)) return tools[name as keyof typeof tools].call(given, call);
  const taskName = taskNameOf(name);
  if (!taskNamePattern.test(taskName))
    throw new McpError(
      ErrorCode.InvalidParams,
      `there is no tool ${JSON.stringify(name.slice(0, 80))}: tools/list has them all`,
    );
  return callTask(taskName, given, call);
}

function callOf(extra: Extra, gone: AbortSignal, options: ToolServerOptions): Call {
  const { errand, clock, session, levels, waits, closing, onProblem } = options;
  const { signal, requestId, _meta: meta } = extra;
  const token = meta?.progressToken;
  const asked = meta?.[waitSecondsMeta];
  let steps = 0;
  const notify = (notification: ServerNotification): void => {
    extra.sendNotification(notification).catch((error: unknown) => {
      if (!signal.aborted) onProblem(error, 'a notification could not be sent');
    });
  };
  return {
    errand,
    clock,
    signal,
    waiting: closing === undefined ? signal : AbortSignal.any([signal, closing]),
    isCanceled: () => signal.aborted && !gone.aborted,
    key: session === undefined ? undefined : callKey(session, requestId),
    waits,
    waitSeconds: asked === undefined ? waits.usual : typeof asked === 'number' ? asked : Number.NaN,
    progress: (message) => {
      if (token === undefined) return;
      steps += 1;
      notify({ method: 'notifications/progress', params: { progressToken: token, progress: steps, message } });
    },
    log: (runId, taskName, { attempt, text }) => {
      if (!levels.wants(session ?? '', 'info')) return;
      const data = { runId, attempt, text };
      notify({ method: 'notifications/message', params: { level: 'info', logger: taskName, data } });
    },
    problem: onProblem,
  };
}

function waitProblem({ longest }: WaitBounds) {
  return {
    path: `/_meta/${waitSecondsMeta.replace('/', '~1')}`,
    code: 'notAllowed',
    message: `${waitSecondsMeta} must be a whole number of seconds from 1 to ${longest}`,
    allowed: { minimum: 1, maximum: longest },
  } as const;
}

/** What is no answer of a tool. The messages of the API are for its callers; what is none of them stays here. */
function protocolError(error: unknown): unknown {
  if (error instanceof ErrandApiError) return new McpError(ErrorCode.InternalError, error.message, error.details);
  if (error instanceof ErrandConnectionError) return new McpError(ErrorCode.InternalError, error.message);
  return error;
}
