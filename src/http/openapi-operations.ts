import { limits } from '../contract/limits.ts';
import { runStates } from '../contract/run.ts';
import { keptVersions } from '../core/versions.ts';
import type { RouteName } from './handlers.ts';
import { dashboardOperations } from './openapi-dashboard.ts';
import { mcpOperation } from './openapi-mcp.ts';
import {
  bodyErrors,
  json,
  list,
  page,
  ref,
  text,
  type Answer,
  type OperationDoc,
  type Schema,
} from './openapi-parts.ts';
import { scheduleOperations } from './openapi-schedules.ts';

const acceptErrors = [
  ...bodyErrors,
  'taskNotFound',
  'taskDisabled',
  'concurrencyLimitReached',
  'idempotencyKeyReused',
  'invalidDefinition',
  'executableMissing',
] as const;
const idempotencyHeader = {
  'Idempotency-Key': `1 to ${limits.idempotencyKeyLength} visible ASCII characters. The same request under the same key is the same run; another request under a used key is refused.`,
};
const acceptedAnswer: Answer = {
  description:
    'Accepted: the run will come to an end, whatever happens to this server. A repetition under the same Idempotency-Key is answered likewise.',
  content: json('Run'),
  headers: { Location: 'Address of the run', 'Idempotent-Replayed': 'true where the key led to an earlier run' },
};
const etagHeader = { ETag: 'Changes with the definition' };

const executable: Schema = {
  type: 'object',
  properties: { name: text, sha256: text, etag: text, bytes: { type: 'integer' } },
  required: ['name', 'sha256', 'etag', 'bytes'],
};

/** Schemas that only the API has. */
export const apiSchemas: Readonly<Record<string, Schema>> = {
  Task: {
    type: 'object',
    properties: {
      document: { ...ref('TaskDefinition'), description: 'As its author wrote it' },
      etag: text,
      executable: { ...executable, description: 'Missing where the file is' },
      version: { ...text, description: 'The task by its content; missing where the executable is' },
    },
    required: ['document', 'etag'],
  },
  TaskVersionList: { type: 'object', properties: { versions: list(ref('TaskVersion')) }, required: ['versions'] },
  TaskList: { type: 'object', properties: { tasks: list(ref('TaskSummary')) }, required: ['tasks'] },
  Status: {
    type: 'object',
    properties: {
      status: { enum: ['ok', 'ready'] },
      poisonMessages: { type: 'integer', description: 'Messages of the work queue that nobody could work on' },
    },
    required: ['status'],
  },
  PlanRequest: {
    type: 'object',
    description: 'A RunRequest without its taskName',
    properties: Object.fromEntries(
      ['parameters', 'labels', 'timeouts'].map((field) => [field, ref(`RunRequest/properties/${field}`)]),
    ),
    additionalProperties: false,
  },
};

/** What each route is for, takes and answers. */
export const operations: { [N in RouteName]: OperationDoc } = {
  createRun: {
    summary: 'Start a run of a task',
    tag: 'runs',
    headers: idempotencyHeader,
    body: { required: true, content: json('RunRequest') },
    answers: { 202: acceptedAnswer },
    errors: acceptErrors,
  },
  listRuns: {
    summary: 'List runs, newest first',
    tag: 'runs',
    query: {
      task: { description: 'Only of this task', schema: text },
      state: { description: 'Only in these states', schema: list({ enum: runStates }) },
      label: { description: 'Only with these labels, each as name=value', schema: list(text) },
      since: { description: 'Accepted at this instant or later', schema: { type: 'string', format: 'date-time' } },
      limit: { description: 'Runs of a page', schema: page },
      cursor: { description: 'Of the page before', schema: text },
    },
    answers: { 200: { description: 'A page of runs; without a cursor it is the last', content: json('RunPage') } },
    errors: ['invalidRequest'],
  },
  getRun: {
    summary: 'Read a run, or wait for its end',
    tag: 'runs',
    query: {
      wait: {
        description: 'Seconds to wait for the end of the run; then it is answered as it is',
        schema: { type: 'integer', minimum: 0, maximum: limits.waitSeconds },
      },
    },
    answers: { 200: { description: 'The run', content: json('Run') } },
    errors: ['runNotFound', 'invalidRequest'],
  },
  getLogs: {
    summary: 'Read or follow the log of a run',
    description:
      'With follow, or Accept: text/event-stream, server-sent events: "state" at each change of state, "attempt" when an attempt begins, "log" with {"attempt","text"} as the log grows, and "end" with state, exitCode, reason and message after the last byte. ' +
      'The id of an event is attempt:offset; send it as Last-Event-ID to go on from there, also after the end. Bytes that are no UTF-8 come as U+FFFD in events, and unchanged in the download.',
    tag: 'runs',
    query: {
      attempt: {
        description: 'Which attempt; otherwise the last to download, the first to follow',
        schema: { type: 'integer', minimum: 1 },
      },
      follow: { description: 'Server-sent events until the run has ended', schema: { type: 'boolean' } },
    },
    headers: { Range: 'One range of bytes of the download', 'Last-Event-ID': 'Where to go on following' },
    answers: {
      200: {
        description: 'The log as it is now, or as it grows',
        content: { 'text/plain': text, 'text/event-stream': text },
        headers: { ETag: 'SHA-256 of the complete log', 'Accept-Ranges': 'bytes' },
      },
      206: {
        description: 'The part asked for',
        content: { 'text/plain': text },
        headers: { 'Content-Range': 'Which part it is' },
      },
    },
    errors: ['runNotFound', 'attemptNotFound', 'rangeNotSatisfiable', 'invalidRequest'],
  },
  getOutput: {
    summary: 'Download a file that a run left',
    tag: 'runs',
    answers: {
      200: {
        description: 'The file',
        content: { 'application/octet-stream': { type: 'string', format: 'binary' } },
        headers: { ETag: 'SHA-256 of the file', 'Content-Disposition': 'attachment' },
      },
    },
    errors: ['runNotFound', 'outputNotFound'],
  },
  cancelRun: {
    summary: 'Cancel a run',
    tag: 'runs',
    answers: {
      200: { description: 'It has ended, now or before', content: json('Run') },
      202: { description: 'It is being stopped', content: json('Run') },
    },
    errors: ['runNotFound'],
  },
  rerunRun: {
    summary: 'Run the same task again, with the same values but for those given',
    tag: 'runs',
    headers: idempotencyHeader,
    body: { required: false, content: json('RerunRequest') },
    answers: { 202: acceptedAnswer },
    errors: ['runNotFound', ...acceptErrors],
  },
  resolveRun: {
    summary: 'Write down what really came of a lost run',
    tag: 'runs',
    body: { required: true, content: json('ResolveRequest') },
    answers: { 200: { description: 'The run, which stays lost, with the resolution', content: json('Run') } },
    errors: ['runNotFound', 'runNotLost', ...bodyErrors],
  },
  redeliverWebhook: {
    summary: 'Send a webhook that was given up once more, with all its attempts, under the same id',
    tag: 'runs',
    answers: { 202: { description: 'The run; the webhook is pending', content: json('Run') } },
    errors: ['runNotFound', 'webhookNotFound', 'webhookNotDead'],
  },
  listTasks: {
    summary: 'List the tasks',
    tag: 'tasks',
    answers: { 200: { description: 'All tasks, invalid ones with their problem', content: json('TaskList') } },
    errors: [],
  },
  getTask: {
    summary: 'Read a task definition',
    tag: 'tasks',
    answers: { 200: { description: 'The task', content: json('Task'), headers: etagHeader } },
    errors: ['taskNotFound', 'invalidDefinition'],
  },
  putTask: {
    summary: 'Store a task definition and, where given, its executable',
    tag: 'tasks',
    headers: { 'If-Match': 'The ETag that the task must still have; * asks that there is one' },
    body: {
      required: true,
      content: {
        'application/json': ref('TaskDefinition'),
        'multipart/form-data': {
          type: 'object',
          properties: { definition: ref('TaskDefinition'), executable: { type: 'string', format: 'binary' } },
          required: ['definition'],
        },
      },
    },
    answers: {
      200: { description: 'Replaced', content: json('Task'), headers: etagHeader },
      201: { description: 'Created', content: json('Task'), headers: etagHeader },
    },
    errors: [...bodyErrors, 'taskNotFound', 'preconditionFailed', 'invalidDefinition', 'executableMissing'],
  },
  deleteTask: {
    summary: 'Remove a task; its runs stay',
    tag: 'tasks',
    headers: { 'If-Match': 'The ETag that the task must still have; * asks that there is one' },
    answers: { 204: { description: 'Removed' } },
    errors: ['taskNotFound', 'preconditionFailed', 'invalidRequest'],
  },
  getTaskExecutable: {
    summary: 'Fetch the executable of a task',
    description:
      'Needs the scope to write tasks: who may run a task learns what it takes, not what its authors put into it.',
    tag: 'tasks',
    query: { version: { description: 'That of this version; otherwise the one of now', schema: text } },
    answers: {
      200: {
        description: 'Its bytes; the ETag is their SHA-256',
        content: { 'application/octet-stream': { type: 'string', format: 'binary' } },
        headers: { ETag: 'SHA-256 of the executable' },
      },
    },
    errors: ['taskNotFound', 'invalidDefinition', 'executableMissing', 'versionNotFound'],
  },
  listTaskVersions: {
    summary: 'List the versions of a task that were pushed, the latest first',
    description: `A version is a task by its content. The latest ${keptVersions} are kept; what was put beside the definitions by hand is none.`,
    tag: 'tasks',
    answers: { 200: { description: 'The versions', content: json('TaskVersionList') } },
    errors: ['taskNotFound', 'invalidDefinition'],
  },
  getTaskVersion: {
    summary: 'Read a version of a task',
    tag: 'tasks',
    answers: {
      200: {
        description: 'The version, with its document',
        content: {
          'application/json': {
            allOf: [
              ref('TaskVersion'),
              { type: 'object', properties: { document: ref('TaskDefinition') }, required: ['document'] },
            ],
          },
        },
      },
    },
    errors: ['taskNotFound', 'invalidDefinition', 'versionNotFound'],
  },
  getTaskSchema: {
    summary: 'JSON Schema (2020-12) of the parameters of a task',
    tag: 'tasks',
    answers: {
      200: {
        description: 'The schema',
        content: { 'application/schema+json': { type: 'object' } },
        headers: etagHeader,
      },
    },
    errors: ['taskNotFound', 'invalidDefinition'],
  },
  planTask: {
    summary: 'Check a request and show what would be run; starts nothing',
    tag: 'tasks',
    body: { required: false, content: json('PlanRequest') },
    answers: { 200: { description: 'What would be run', content: json('Plan') } },
    errors: [...bodyErrors, 'taskNotFound', 'taskDisabled', 'invalidDefinition', 'executableMissing'],
  },
  ...scheduleOperations,
  mcp: mcpOperation,
  whoami: {
    summary: 'Who asks, by the key that was sent, and what they may do',
    tag: 'operation',
    answers: { 200: { description: 'The caller', content: json('Principal') } },
    errors: [],
  },
  ...dashboardOperations,
  openapi: {
    summary: 'This document',
    tag: 'operation',
    answers: {
      200: {
        description: 'OpenAPI 3.1',
        content: { 'application/vnd.oai.openapi+json;version=3.1': { type: 'object' } },
      },
    },
    errors: [],
  },
  healthz: {
    summary: 'The process lives',
    tag: 'operation',
    answers: { 200: { description: 'It does', content: json('Status') } },
    errors: [],
  },
  readyz: {
    summary: 'Storage, artifact store and platform can be used',
    tag: 'operation',
    answers: { 200: { description: 'They can', content: json('Status') } },
    errors: ['platformUnavailable'],
  },
  metrics: {
    summary: 'Metrics for Prometheus',
    tag: 'operation',
    answers: { 200: { description: 'Text exposition format 0.0.4', content: { 'text/plain': text } } },
    errors: [],
  },
};
