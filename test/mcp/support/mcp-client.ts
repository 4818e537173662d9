import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  LoggingMessageNotificationSchema,
  type CallToolRequest,
  type CallToolResult,
  type Progress,
} from '@modelcontextprotocol/sdk/types.js';

import { cleanEnvironment, cliFile } from '../../entry/support/cli.ts';

/** One message of a task's log, as a notification brings it. */
export interface SeenLog {
  runId: string;
  attempt: number;
  text: string;
}

export interface Session {
  client: Client;
  transport: Transport;
  /** What the log notifications brought so far. */
  logs: SeenLog[];
  /** What went wrong beside the calls. */
  errors: Error[];
  call(
    name: string,
    args?: Record<string, unknown>,
    options?: { signal?: AbortSignal; onprogress?: (progress: Progress) => void; meta?: Record<string, unknown> },
  ): Promise<CallToolResult>;
  close(): Promise<void>;
}

/** How a session of the official client reaches Errand. */
export type Connect = (target: { url: string; apiKey?: string }) => Promise<Session>;

export const overHttp: Connect = async ({ url, apiKey }) => {
  const headers: Record<string, string> = apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` };
  return session(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
};

export const overStdio: Connect = async ({ url, apiKey }) =>
  session(
    new StdioClientTransport({
      command: process.execPath,
      args: [cliFile, 'mcp'],
      env: cleanEnvironment({ ERRAND_URL: url, ...(apiKey === undefined ? {} : { ERRAND_API_KEY: apiKey }) }),
      stderr: 'inherit',
    }),
  );

async function session(transport: Transport): Promise<Session> {
  const client = new Client({ name: 'test', version: '1.0.0' });
  const logs: SeenLog[] = [];
  const errors: Error[] = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    logs.push(params.data as SeenLog);
  });
  Object.assign(client, { onerror: (error: Error) => errors.push(error) });
  await client.connect(transport);
  return {
    client,
    transport,
    logs,
    errors,
    call: async (name, args = {}, { meta, ...options } = {}) => {
      const params: CallToolRequest['params'] = {
        name,
        arguments: args,
        ...(meta === undefined ? {} : { _meta: meta }),
      };
      return (await client.callTool(params, undefined, options)) as CallToolResult;
    },
    close: () => client.close(),
  };
}

/** The text of an answer. */
export function textOf(result: CallToolResult): string {
  return result.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}
