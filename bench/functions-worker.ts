// What the worker of the Functions host does at a cold start, and no more: loads an app, asks it for its functions, carries out one request. Says what that took.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { pathToFileURL } from 'node:url';

import { answerCoreApi } from '../src/entry/functions/host/core-api.ts';

const [main = '', path = '/'] = process.argv.slice(2);
const log = (level: string, _: string, message: string): void => {
  if (level === 'error') process.stderr.write(`${message}\n`);
};
const core = answerCoreApi(log);
await import(pathToFileURL(main).href);
const model = core.model();
const { HttpUri = '' } = await model.getCapabilities({});
const loaded = process.cpuUsage();

const registered = core.functions.get('api');
if (registered === undefined) throw new Error('the app has no function api');
const [name = ''] = Object.keys(registered.metadata.bindings);
const invocationId = randomUUID();
const headers = { host: 'localhost' };
const proxy = new URL(HttpUri);
const asked = request({
  host: '127.0.0.1',
  port: proxy.port,
  path,
  headers: {
    ...headers,
    'x-ms-invocation-id': invocationId,
    'x-forwarded-host': 'localhost',
    'x-forwarded-proto': 'http',
  },
}).end();
const answered = once(asked, 'response');
const invocation = model.getInvocationModel({
  invocationId,
  request: {
    inputData: [{ name, data: { http: {} } }],
    triggerMetadata: { Headers: { json: JSON.stringify(headers) } },
  },
  metadata: registered.metadata,
  log,
});
const { context, inputs } = await invocation.getArguments();
await invocation.getResponse(context, await invocation.invokeFunction(context, inputs, registered.callback));
const [response]: IncomingMessage[] = await answered;
if (response === undefined) throw new Error('there was no answer');
let text = '';
for await (const chunk of response) text += String(chunk);
if (response.statusCode !== 200) throw new Error(`the first answer is ${response.statusCode}: ${text}`);
const { user, system } = process.cpuUsage();
process.stdout.write(
  `${JSON.stringify({ loadMs: (loaded.user + loaded.system) / 1000, firstAnswerMs: (user + system) / 1000, wallMs: performance.now() })}\n`,
  () => process.exit(0),
);
