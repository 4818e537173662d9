import { bodyErrors, text, type OperationDoc, type Schema } from './openapi-parts.ts';

const jsonRpc: Schema = {
  type: 'object',
  description: 'JSON-RPC 2.0',
  properties: { jsonrpc: { const: '2.0' } },
  required: ['jsonrpc'],
};

const message: Schema = {
  ...jsonRpc,
  description: 'A request of JSON-RPC 2.0; without an id a notification, which is not answered',
  properties: {
    ...(jsonRpc['properties'] as object),
    id: { type: ['string', 'integer'] },
    method: text,
    params: { type: 'object' },
  },
};

/** What `/mcp` is for, takes and answers. */
export const mcpOperation: OperationDoc = {
  summary: 'Tools for agents: every task, and tools for runs (Model Context Protocol, streamable HTTP)',
  description:
    'One JSON-RPC message in each request. Every tool needs the scopes of what it does; tools/list has those that the key may use. Sessions are names only: no stream is kept open between requests, and there is nothing to delete.',
  tag: 'operation',
  headers: {
    Accept: 'Must name application/json and text/event-stream',
    'Mcp-Session-Id':
      'From the answer to initialize. The same request of a session is the same run, however often it is sent',
    'Mcp-Protocol-Version': 'As agreed on by initialize',
  },
  body: { required: true, content: { 'application/json': message } },
  answers: {
    200: {
      description: 'The answer; to tools/call as a stream, with what happens meanwhile before it',
      content: { 'application/json': jsonRpc, 'text/event-stream': text },
      headers: { 'Mcp-Session-Id': 'Of a new session' },
    },
    202: { description: 'A notification was taken' },
    400: { description: 'Not a message of the protocol', content: { 'application/json': jsonRpc } },
    406: { description: 'Accept does not name both types', content: { 'application/json': jsonRpc } },
  },
  errors: bodyErrors,
};
