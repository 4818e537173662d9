import type { Call } from '../../e2e/door.ts';
import type { RouteName } from '../../../src/http/handlers.ts';
import type { Fixtures } from './fixtures.ts';
import { outputFile } from './quick-runner.ts';

/** A request that the server answers with this status: its own, since what may befall any request is not listed here. */
export interface DocumentedAnswer extends Call {
  operation: RouteName;
  status: number;
  /** What the address names; otherwise the run that has ended, the task `Plain` in its version, the schedule of that name, and the file that the run left. */
  id?: Exclude<keyof Fixtures, 'version'> | 'absent';
  name?: string;
  file?: string;
  version?: string;
  number?: number;
  query?: string;
  /** Its request is not prism's to judge: of a form it takes each part for text (5.16), also one that is JSON. */
  isForm?: boolean;
  /** Asks with a key that is for one task only. */
  isLimited?: boolean;
}

const image = { dockerImage: 'busybox', scriptName: 'plain.sh' };
const json = { 'Content-Type': 'application/json' };

const large = { body: JSON.stringify('x'.repeat(300_000)), headers: json };
const deep = { body: `${'['.repeat(21)}${']'.repeat(21)}`, headers: json };
const noJson = { body: 'x', headers: { 'Content-Type': 'text/plain' } };
const wrong = { body: { color: 1 } };
const mcp = { ...json, Accept: 'application/json, text/event-stream' };
const listTools = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const daily = { body: { taskName: 'Plain', cron: '0 3 * * *' } };

/** What is answered to a body that cannot be read, or not as it is. */
const badBodies = (operation: RouteName): DocumentedAnswer[] => [
  { operation, status: 400, ...deep },
  { operation, status: 413, ...large },
  { operation, status: 415, ...noJson },
  { operation, status: 422, ...wrong },
];

function form(definition: object): Pick<DocumentedAnswer, 'body' | 'headers' | 'isForm'> {
  const part = (name: string, content: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`;
  return {
    body: `${part('definition', JSON.stringify(definition))}${part('executable', '#!/bin/sh\n')}--b--\r\n`,
    headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
    isForm: true,
  };
}

/** In this order: some of them change what the later ones meet. `Broken` is a task whose definition is none. */
export const documentedAnswers: readonly DocumentedAnswer[] = [
  { operation: 'createRun', status: 202, body: { taskName: 'Plain', labels: { team: 'x' } } },
  { operation: 'createRun', status: 400 },
  ...badBodies('createRun'),
  { operation: 'createRun', status: 404, body: { taskName: 'Absent' } },
  { operation: 'createRun', status: 409, body: { taskName: 'Off' } },
  { operation: 'listRuns', status: 200 },
  { operation: 'listRuns', status: 200, query: '?task=Plain&state=succeeded&state=lost&label=team=x&limit=2' },
  { operation: 'listRuns', status: 422, query: '?limit=0' },
  { operation: 'getRun', status: 200 },
  { operation: 'getRun', status: 200, id: 'lost' },
  { operation: 'getRun', status: 200, id: 'held' },
  { operation: 'getRun', status: 200, query: '?wait=1' },
  { operation: 'getRun', status: 404, id: 'absent' },
  { operation: 'getRun', status: 422, query: '?wait=x' },
  { operation: 'getLogs', status: 200 },
  { operation: 'getLogs', status: 200, query: '?follow=true', headers: { Accept: 'text/event-stream' } },
  { operation: 'getLogs', status: 206, headers: { Range: 'bytes=0-0' } },
  { operation: 'getLogs', status: 404, query: '?attempt=9' },
  { operation: 'getLogs', status: 416, headers: { Range: 'bytes=99-' } },
  { operation: 'getLogs', status: 422, query: '?attempt=0' },
  { operation: 'getOutput', status: 200 },
  { operation: 'getOutput', status: 404, file: 'absent' },
  { operation: 'cancelRun', status: 200 },
  { operation: 'cancelRun', status: 202, id: 'held' },
  { operation: 'cancelRun', status: 404, id: 'absent' },
  { operation: 'rerunRun', status: 202 },
  { operation: 'rerunRun', status: 202, body: { parameters: [] }, headers: { ...json, 'Idempotency-Key': 'again' } },
  ...badBodies('rerunRun'),
  { operation: 'rerunRun', status: 404, id: 'absent' },
  { operation: 'rerunRun', status: 409, id: 'rejecting' },
  { operation: 'resolveRun', status: 200, id: 'lost', body: { outcome: 'succeeded', note: 'it was seen' } },
  { operation: 'resolveRun', status: 400 },
  ...badBodies('resolveRun'),
  { operation: 'resolveRun', status: 404, id: 'absent', body: { outcome: 'failed', note: 'n' } },
  { operation: 'resolveRun', status: 409, body: { outcome: 'failed', note: 'n' } },
  { operation: 'redeliverWebhook', status: 202, id: 'told' },
  { operation: 'redeliverWebhook', status: 404, id: 'told', number: 9 },
  { operation: 'redeliverWebhook', status: 404, id: 'absent' },
  { operation: 'redeliverWebhook', status: 409, id: 'told', number: 2 },
  { operation: 'listTasks', status: 200 },
  { operation: 'getTask', status: 200 },
  { operation: 'getTask', status: 200, name: 'Strict' },
  { operation: 'getTask', status: 404, name: 'Absent' },
  { operation: 'getTask', status: 422, name: 'Broken' },
  { operation: 'putTask', status: 200, body: { taskName: 'Plain', ...image } },
  { operation: 'putTask', status: 201, name: 'Fresh', body: { taskName: 'Fresh', ...image } },
  { operation: 'putTask', status: 200, name: 'Fresh', ...form({ taskName: 'Fresh', ...image }) },
  { operation: 'putTask', status: 400 },
  ...badBodies('putTask'),
  { operation: 'putTask', status: 404, name: 'Spare', isLimited: true, body: { taskName: 'Spare', ...image } },
  {
    operation: 'putTask',
    status: 412,
    body: { taskName: 'Plain', ...image, description: 'of others' },
    headers: { ...json, 'If-Match': '"0"' },
  },
  { operation: 'deleteTask', status: 412, headers: { 'If-Match': '"0"' } },
  { operation: 'deleteTask', status: 404, name: 'Absent' },
  { operation: 'deleteTask', status: 422, headers: { 'If-None-Match': '*' } },
  { operation: 'deleteTask', status: 204, name: 'Fresh' },
  { operation: 'getTaskExecutable', status: 200 },
  { operation: 'getTaskExecutable', status: 200, query: '?version=@version@' },
  { operation: 'getTaskExecutable', status: 404, query: '?version=absent' },
  { operation: 'getTaskExecutable', status: 422, name: 'Broken' },
  { operation: 'listTaskVersions', status: 200 },
  { operation: 'listTaskVersions', status: 404, name: 'Absent' },
  { operation: 'listTaskVersions', status: 422, name: 'Broken' },
  { operation: 'getTaskVersion', status: 200 },
  { operation: 'getTaskVersion', status: 404, version: 'absent' },
  { operation: 'getTaskVersion', status: 422, name: 'Broken' },
  { operation: 'getTaskSchema', status: 200, name: 'Strict' },
  { operation: 'getTaskSchema', status: 404, name: 'Absent' },
  { operation: 'getTaskSchema', status: 422, name: 'Broken' },
  { operation: 'planTask', status: 200, body: {} },
  {
    operation: 'planTask',
    status: 200,
    name: 'Steady',
    body: { parameters: [{ name: 'Text', value: 'steady' }], timeouts: { runSeconds: 5 } },
  },
  ...badBodies('planTask'),
  { operation: 'planTask', status: 404, name: 'Absent' },
  { operation: 'planTask', status: 409, name: 'Off' },
  { operation: 'checkTask', status: 200, ...wrong },
  { operation: 'checkTask', status: 200, body: {} },
  { operation: 'checkTask', status: 200, name: 'Steady', body: { parameters: [{ name: 'Text', value: 'unsteady' }] } },
  ...badBodies('checkTask').filter(({ status }) => status !== 422),
  { operation: 'checkTask', status: 404, name: 'Absent' },
  { operation: 'checkTask', status: 409, name: 'Off' },
  { operation: 'checkTask', status: 422, name: 'Broken' },
  { operation: 'overview', status: 200 },
  { operation: 'overview', status: 200, query: '?hours=720' },
  { operation: 'overview', status: 422, query: '?hours=0' },
  { operation: 'changes', status: 200, headers: { Accept: 'text/event-stream' } },
  { operation: 'changes', status: 422, query: '?hours=1' },
  { operation: 'listSchedules', status: 200, query: '?task=Plain&limit=2' },
  { operation: 'listSchedules', status: 422, query: '?limit=0' },
  { operation: 'putSchedule', status: 201, ...daily, headers: { ...json, 'If-None-Match': '*' } },
  { operation: 'putSchedule', status: 200, ...daily },
  { operation: 'putSchedule', status: 400 },
  ...badBodies('putSchedule'),
  { operation: 'putSchedule', status: 404, body: { ...daily.body, taskName: 'Absent' } },
  { operation: 'putSchedule', status: 409, body: { ...daily.body, taskName: 'Off' } },
  { operation: 'putSchedule', status: 412, ...daily, headers: { ...json, 'If-Match': '"0"' } },
  { operation: 'getSchedule', status: 200 },
  { operation: 'getSchedule', status: 404, name: 'Absent' },
  { operation: 'pauseSchedule', status: 200 },
  { operation: 'pauseSchedule', status: 404, name: 'Absent' },
  { operation: 'resumeSchedule', status: 200 },
  { operation: 'resumeSchedule', status: 404, name: 'Absent' },
  { operation: 'deleteSchedule', status: 412, headers: { 'If-Match': '"0"' } },
  { operation: 'deleteSchedule', status: 422, headers: { 'If-None-Match': '"0"' } },
  { operation: 'deleteSchedule', status: 404, name: 'Absent' },
  { operation: 'deleteSchedule', status: 204 },
  { operation: 'whoami', status: 200 },
  { operation: 'mcp', status: 202, body: { jsonrpc: '2.0', method: 'notifications/initialized' }, headers: mcp },
  { operation: 'mcp', status: 200, body: { ...listTools, method: 'ping' }, headers: mcp },
  { operation: 'mcp', status: 200, body: listTools, headers: mcp },
  // The problem of the same status is for another judge: prism takes application/problem+json for application/json (5.16).
  { operation: 'mcp', status: 400, body: { jsonrpc: '1.0' }, headers: mcp },
  { operation: 'mcp', status: 406, body: listTools, headers: json },
  { operation: 'mcp', status: 413, ...large },
  { operation: 'mcp', status: 415, ...noJson },
  { operation: 'mcp', status: 422, body: [listTools], headers: mcp },
  { operation: 'openapi', status: 200 },
  { operation: 'healthz', status: 200 },
  { operation: 'readyz', status: 200 },
  { operation: 'metrics', status: 200 },
];

type Addressed = Pick<DocumentedAnswer, 'id' | 'name' | 'file' | 'version' | 'number' | 'query'>;

/** Where a request goes to. */
export function targetOf(path: string, asked: Addressed, fixtures: Fixtures): string {
  const { id = 'ended', name = 'Plain', file = outputFile, version = fixtures.version, number = 1, query = '' } = asked;
  return (
    path
      .replace('{id}', id === 'absent' ? '0'.repeat(26) : fixtures[id])
      .replace('{name}', name)
      .replace('{file}', file)
      .replace('{number}', String(number))
      .replace('{version}', version) + query.replace('@version@', fixtures.version)
  );
}
