import { foreignTaskNames, strictTask } from '../../hostile/corpus.ts';
import { badPatterns, reservedNames } from '../../hostile/definitions.ts';
import { endlessTasks, outputFile, vanishingTask } from './quick-runner.ts';
import { goneHost } from './stand-ins.ts';

/** Stands for the task that the address of a request names. */
export const sameName = '@name@';

const tasks = ['Plain', strictTask.taskName, 'Spare', ...endlessTasks, vanishingTask, 'Off', 'Unknown'];
const runs = ['@ended@', '@latest@', '@held@', '@lost@', '@told@'];
const scripts = ['plain.sh', strictTask.scriptName];
const entityTags = ['*', '"0"', 'W/"x"', '"'];

/** Planned times that never come, or that a reader of them might look for without end. */
const badCrons = [
  '0 0 31 2 *',
  '0 0 30 2 1#5',
  '*/0 * * * *',
  '60 24 32 13 8',
  '0-59/0 * * * *',
  '1- * * * *',
  '@reboot',
  '* * * * * * *',
];

/** Where webhooks may be sent to, or somebody would like them to be. */
const addresses = [
  'https://receiver.example/hook',
  'https://receiver.example./hook',
  `https://${goneHost}/`,
  'http://receiver.example/',
  'https://receiver.example:8443/',
  'https://user:word@receiver.example/',
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://169.254.169.254/metadata/identity',
  'https://168.63.129.16/',
  'https://[::ffff:a9fe:a9fe]/',
  'https://[64:ff9b::7f00:1]/',
  'https://localhost./',
  'https://①②⑦.0.0.1/',
  'file:///etc/passwd',
];

/** Messages of agents: what there is to call, and what there is not. */
const calls: readonly object[] = [
  {},
  { name: 'list_runs', arguments: { limit: 2 } },
  { name: 'get_run', arguments: { id: '@ended@' } },
  { name: 'get_run_log', arguments: { id: '@ended@' } },
  { name: 'cancel_run', arguments: { id: '@held@' } },
  { name: 'get_run', arguments: { id: '../runs' } },
  { name: 'run_Plain', arguments: {} },
  { name: 'Plain', arguments: {} },
  { name: '__proto__', arguments: { constructor: 1 } },
  { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  { requestId: 1 },
];

/**
 * Words that mean something to this server, by the name of the parameter or field that they are for. Anything without an entry is
 * made up from its schema. `@word@` stands for something of the server at hand: it is filled in when the request is sent, so that the same request
 * can be sent to another server.
 */
export const knownWords: Readonly<Record<string, readonly unknown[]>> = {
  'path:name': tasks,
  'path:id': runs,
  'path:file': [outputFile],
  'path:version': ['@version@', '0'],
  'header:If-None-Match': entityTags,
  'query:version': ['@version@'],
  'query:task': tasks,
  'query:label': ['a=b', 'team=x', 'a=', '=b'],
  'query:cursor': ['@cursor@'],
  'header:If-Match': entityTags,
  'header:Range': ['bytes=0-0', 'bytes=-1', 'bytes=3-', 'bytes=99-', 'bytes=1-0', 'bytes=0-0,2-2', 'lines=1'],
  'header:Last-Event-ID': ['1:0', '1:4', '2:0', '0:0', '1:999999999999999'],
  'header:Idempotency-Key': ['key-1', 'key-2', 'key-3'],
  taskName: [sameName, sameName, sameName, sameName, ...tasks],
  scriptName: scripts,
  dockerImage: ['busybox', 'mcr.microsoft.com/azure-cli:latest'],
  name: strictTask.scriptParameters.map(({ parameterName }) => parameterName),
  value: ['x', 1, true, 'red', 'abc-123', '{}', `${'a'.repeat(40)}!`],
  parameterName: ['Text', 'Count', 'A', 'VMName'],
  pattern: ['^[a-z]+$', ...badPatterns],
  key: ['Text', 'A'],
  'path:number': ['1', '2', '9', '01'],
  'header:Accept': ['application/json, text/event-stream', 'application/json, text/event-stream', '*/*'],
  'header:Mcp-Session-Id': ['session-1', 'session-2'],
  'header:Mcp-Protocol-Version': ['2025-11-25', '2024-11-05'],
  method: [
    'ping',
    'initialize',
    'tools/list',
    'tools/call',
    'tools/call',
    'notifications/initialized',
    'notifications/cancelled',
    'logging/setLevel',
  ],
  params: calls,
  url: addresses,
  callbackUri: addresses,
  secret: ['whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='],
  cron: ['0 3 * * *', '*/5 * * * *', '30 2 * * MON-FRI', '@daily', '0 0 L * *', ...badCrons],
  timeZone: ['UTC', 'Europe/Berlin', 'Pacific/Apia', 'Mars/Olympus', '../UTC', '+25:00', 'utc\u0000'],
};

/** Texts that have broken servers: for any place that takes text. */
export const hostileTexts: readonly string[] = [
  foreignTaskNames,
  reservedNames,
  badPatterns,
  ['\u0000', 'a\u0000b', '\u0007', '\u001b[31m', '\r\nX: y', '\u007f', '\ud800', '\ufeff', '\u2028', 'ﷺ'.repeat(50)],
  ['%00', '%2e%2e%2f', '%c0%af', '%ff', '%', '+', '&', ';', '=', '//', '{{7*7}}', '${jndi:ldap://x}', '<script>'],
  ['1e999', '-0', '0x10', '１', 'NaN', 'null', 'true', '1.0', '9007199254740993', '-9223372036854775809'],
  ['a'.repeat(28), 'a'.repeat(1_000), `${'a'.repeat(40)}!`, 'é'.repeat(129), 'x'.repeat(5_000)],
].flat();

/** Keys that objects have before anybody gave them any. */
export const prototypeKeys = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', ''];
