import { z } from 'zod';
import { quoteSchema, receiptSchema } from '../contract/cost.ts';
import { errorTable, problemDetailsSchema, type ErrorCode } from '../contract/errors.ts';
import { principalSchema } from '../contract/principal.ts';
import { overviewSchema, runChangeSchema } from '../contract/overview.ts';
import { routes, type Route } from '../contract/routes.ts';
import {
  attemptSchema,
  checkSchema,
  planSchema,
  runPageSchema,
  runSchema,
  taskSummarySchema,
  taskVersionSchema,
  waitingSchema,
} from '../contract/run.ts';
import { rerunRequestSchema, resolveRequestSchema, runRequestSchema } from '../contract/run-request.ts';
import { firingSchema, scheduleDocumentSchema, schedulePageSchema, scheduleSchema } from '../contract/schedule.ts';
import { deliverySchema, taskWebhookSchema, webhookSchema } from '../contract/webhook.ts';
import { parameterSchema, taskDefinitionSchema } from '../contract/task-definition.ts';
import type { RouteName } from './handlers.ts';
import { apiSchemas, operations } from './openapi-operations.ts';
import { ref, type Answer, type OperationDoc } from './openapi-parts.ts';

/** What any request may be answered with: by whoever is asked, and by what the server stands on. */
const commonErrors: readonly ErrorCode[] = [
  'malformedRequest',
  'requestTimeout',
  'headersTooLarge',
  'internal',
  'shuttingDown',
];
/** Where nobody needs a key, only this machine is served. */
const keylessErrors: readonly ErrorCode[] = ['hostNotAllowed', 'originNotAllowed'];
const groundErrors: readonly ErrorCode[] = [
  'storageCorrupt',
  'storageBusy',
  'storageUnavailable',
  'artifactsUnavailable',
  'storageFull',
];
/** They read nothing that could be out of reach; `mcp` tells what its tools met within its answer. */
const groundless: ReadonlySet<RouteName> = new Set(['healthz', 'openapi', 'whoami', 'mcp']);

/**
 * The API as an OpenAPI 3.1 document, from the route table and the schemas that requests are checked with. A server without keys asks nobody for
 * one, and its document says so: whoever goes by it would refuse requests that the server takes.
 */
export function openApiDocument(version: string, { hasKeys }: { hasKeys: boolean }): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const name of Object.keys(routes) as RouteName[]) {
    const route: Route = routes[name];
    (paths[route.path] ??= {})[route.method] = operation(name, route, operations[name], hasKeys);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Errand',
      version,
      description: 'Runs any executable in one fresh container per request.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'runs', description: 'Requested executions of tasks' },
      { name: 'tasks', description: 'What can be run' },
      { name: 'schedules', description: 'Runs that are asked for at planned times' },
      { name: 'operation', description: 'For those who run the server' },
    ],
    paths,
    components: {
      schemas: schemas(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key',
        },
        header: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
      },
    },
  };
}

interface Documented {
  description: string;
  content?: object;
}
type Responses = Readonly<Record<string, Documented>>;

function operation(name: RouteName, { path, scope }: Route, doc: OperationDoc, hasKeys: boolean): object {
  const { summary, description, tag, query = {}, headers = {}, body, answers } = doc;
  const codes = [
    ...doc.errors,
    ...commonErrors,
    ...(hasKeys ? [] : keylessErrors),
    ...(scope === undefined || !hasKeys ? [] : keyErrors(scope)),
    ...(groundless.has(name) ? [] : groundErrors),
  ];
  return {
    operationId: name,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    security: scope === undefined || !hasKeys ? [] : keySecurity(scope),
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, part]) => ({
        name: part,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      ...Object.entries(query).map(([parameter, rest]) => ({ name: parameter, in: 'query', ...rest })),
      ...Object.entries(headers).map(([header, about]) => ({
        name: header,
        in: 'header',
        description: about,
        schema: { type: 'string' },
      })),
    ],
    ...(body === undefined ? {} : { requestBody: { required: body.required, content: contentOf(body.content) } }),
    responses: joined(
      Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
      problemAnswers(codes),
    ),
  };
}

/** An operation may have an answer of its own under the status of a problem: the media type tells them apart. */
function joined(own: Responses, problems: Responses): Responses {
  const both = Object.entries(problems).map(([status, problem]): [string, Documented] => {
    const answer = own[status];
    if (answer === undefined) return [status, problem];
    const description = `${answer.description}. ${problem.description}`;
    return [status, { ...answer, description, content: { ...answer.content, ...problem.content } }];
  });
  return { ...own, ...Object.fromEntries(both) };
}

function keyErrors(scope: NonNullable<Route['scope']>): readonly ErrorCode[] {
  return scope === 'any' ? ['unauthorized'] : ['unauthorized', 'forbidden'];
}

/** Roles in the sense of OpenAPI 3.1: the scopes that a key needs. */
function keySecurity(scope: NonNullable<Route['scope']>): object[] {
  const needed = scope === 'any' ? [] : [scope];
  return [{ bearer: needed }, { header: needed }];
}

function answerOf({ description, content, headers }: Answer): Documented {
  return {
    description,
    ...(headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, about]) => [name, { description: about, schema: { type: 'string' } }]),
          ),
        }),
    ...(content === undefined ? {} : { content: contentOf(content) }),
  };
}

function contentOf(content: NonNullable<Answer['content']>): object {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}

/** One answer for each status, which lists the codes that have it. */
function problemAnswers(codes: readonly ErrorCode[]): Responses {
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of codes) {
    const { status } = errorTable[code];
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  const answer = (same: ReadonlySet<ErrorCode>) => ({
    description: [...same].map((code) => `${code}: ${errorTable[code].title}`).join('. '),
    content: { 'application/problem+json': { schema: ref('ProblemDetails') } },
  });
  return Object.fromEntries([...byStatus].map(([status, same]) => [String(status), answer(same)]));
}

const named = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries({
  ProblemDetails: problemDetailsSchema,
  TaskDefinition: taskDefinitionSchema,
  TaskParameter: parameterSchema,
  TaskSummary: taskSummarySchema,
  TaskVersion: taskVersionSchema,
  RunRequest: runRequestSchema,
  RerunRequest: rerunRequestSchema,
  ResolveRequest: resolveRequestSchema,
  Run: runSchema,
  RunPage: runPageSchema,
  Attempt: attemptSchema,
  Waiting: waitingSchema,
  Plan: planSchema,
  Schedule: scheduleSchema,
  ScheduleDocument: scheduleDocumentSchema,
  SchedulePage: schedulePageSchema,
  Firing: firingSchema,
  Principal: principalSchema,
  Webhook: webhookSchema,
  TaskWebhook: taskWebhookSchema,
  Delivery: deliverySchema,
  Check: checkSchema,
  Quote: quoteSchema,
  Receipt: receiptSchema,
  Overview: overviewSchema,
  RunChange: runChangeSchema,
}))
  named.add(schema, { id });

/** The schemas of the contract that have a name. What zod shares among them is the one recursive type, any JSON. */
function schemas(): Record<string, unknown> {
  const { schemas: written } = z.toJSONSchema(named, {
    uri: (id) => `#/components/schemas/${id}`,
    io: 'input',
    unrepresentable: 'any',
  });
  const { __shared: shared, ...own } = written;
  const anyJson = (shared?.['$defs'] as Record<string, unknown> | undefined)?.['schema0'];
  const plain = Object.fromEntries(
    Object.entries({ ...own, JsonValue: anyJson }).map(([name, schema]) => [name, withoutIdentity(schema as object)]),
  );
  const text = JSON.stringify({ ...plain, ...apiSchemas });
  return JSON.parse(
    text.replaceAll('#/components/schemas/__shared#/$defs/schema0', '#/components/schemas/JsonValue'),
  ) as Record<string, unknown>;
}

/** In this document a schema is named by its place. */
function withoutIdentity(schema: object): object {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== '$schema' && keyword !== '$id'));
}
