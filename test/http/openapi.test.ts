import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RunView } from '../../src/contract/run.ts';
import { routes, type Route } from '../../src/contract/routes.ts';
import { openApiDocument } from '../../src/http/openapi.ts';
import { call, pushScript, type Call } from '../e2e/door.ts';
import { serverHarness, type ServerHarness } from './support/server-harness.ts';

interface Operation {
  operationId: string;
  security: object[];
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

const document = openApiDocument('1.2.3', { hasKeys: false }) as {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
};

// The whole document is one schema resource, so that references into it resolve.
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ ...document, $id: 'api:/openapi' });
const validator = (schema: object) =>
  ajv.compile({ ...(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api:/openapi#/')) as object) });

describe('the OpenAPI document', () => {
  test('has each route, once, under its name', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
    );
    expect(operations.toSorted()).toEqual(
      Object.entries(routes)
        .map(([name, { method, path }]) => `${name} ${method} ${path}`)
        .toSorted(),
    );
    expect([document.openapi, document.info.version]).toEqual(['3.1.0', '1.2.3']);
  });

  test('each reference in it leads somewhere, and each schema is one', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
    const targets = [...new Set([...references].map(([, path = '']) => path))];
    expect(targets.length).toBeGreaterThan(10);
    for (const target of targets) {
      const found = target
        .split('/')
        .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
      expect({ target, found: found !== undefined }).toEqual({ target, found: true });
    }
    for (const schema of Object.values(document.components.schemas)) expect(() => validator(schema)).not.toThrow();
  });
});

test('asks for a key wherever a route has a scope, unless the server has no keys', () => {
  const { paths } = openApiDocument('1', { hasKeys: true }) as typeof document;
  for (const { method, path, scope } of Object.values(routes) as Route[]) {
    const operation = paths[path]?.[method];
    const open = document.paths[path]?.[method];
    const scopes = scope === 'any' ? [] : [scope];
    const asked = scope === undefined ? [] : [{ bearer: scopes }, { header: scopes }];
    expect({ path, security: operation?.security }).toEqual({ path, security: asked });
    // 403 is the answer to a key without the scope, and, where there are no keys, to whoever is not of this machine.
    const has = (status: string) => status in (operation?.responses ?? {});
    expect({ path, 401: has('401'), 403: has('403') }).toEqual({
      path,
      401: scope !== undefined,
      403: scope !== undefined && scope !== 'any',
    });
    expect(open?.security).toEqual([]);
    expect(['401', '403'].map((status) => status in (open?.responses ?? {}))).toEqual([false, true]);
  }
});

describe('what the server answers', () => {
  let harness: ServerHarness;
  let runId: string;
  let version: string;

  beforeAll(async () => {
    harness = await serverHarness();
    await pushScript(harness.url, 'Print', 'echo hi; echo x > "$ERRAND_OUTPUT_DIR/f"', {
      scriptParameters: [{ parameterName: 'J', parameterType: 'json' }],
    });
    const { id } = await harness.client.run({
      taskName: 'Print',
      parameters: [{ name: 'J', value: { a: [1, null] } }],
    });
    runId = (await harness.client.wait(id)).id;
    version = (await harness.client.task('Print')).version ?? '';
  });
  afterAll(() => harness.dispose());

  const json = { 'Content-Type': 'application/json' };
  const definition = { taskName: 'Print', dockerImage: 'busybox', scriptName: 'Print.sh' };
  const run = { taskName: 'Print' };
  const schedule = { ...run, cron: '0 0 1 1 *' };
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const both = { ...json, Accept: 'application/json, text/event-stream' };
  const absent = '0'.repeat(26);
  const cases: [route: keyof typeof routes, status: number, suffix: string, request: Call][] = [
    ['createRun', 202, '', { body: run }],
    ['createRun', 400, '', { body: '{', headers: json }],
    ['createRun', 404, '', { body: { taskName: 'Absent' } }],
    ['createRun', 413, '', { body: ' '.repeat(300_000), headers: json }],
    ['createRun', 415, '', { body: 'x', headers: { 'Content-Type': 'text/plain' } }],
    ['createRun', 422, '', { body: { ...run, color: 1 } }],
    ['createRun', 403, '', { body: run, headers: { Origin: 'https://example.org' } }],
    ['listRuns', 200, '?limit=2', {}],
    ['listRuns', 422, '?limit=0', {}],
    ['getRun', 200, '', {}],
    ['getRun', 404, '', {}],
    ['getRun', 422, '?wait=x', {}],
    ['getLogs', 200, '', {}],
    ['getLogs', 200, '?follow', {}],
    ['getLogs', 206, '', { headers: { Range: 'bytes=0-0' } }],
    ['getLogs', 404, '?attempt=9', {}],
    ['getLogs', 416, '', { headers: { Range: 'bytes=99-' } }],
    ['getLogs', 422, '?attempt=0', {}],
    ['getOutput', 200, '', {}],
    ['getOutput', 404, 'x', {}],
    ['cancelRun', 200, '', {}],
    ['rerunRun', 202, '', {}],
    ['rerunRun', 422, '', { body: { parameters: 1 } }],
    ['resolveRun', 409, '', { body: { outcome: 'failed', note: 'n' } }],
    ['resolveRun', 400, '', {}],
    ['redeliverWebhook', 404, '', {}],
    ['listTasks', 200, '', {}],
    ['getTask', 200, '', {}],
    ['getTask', 404, 'x', {}],
    ['putTask', 200, '', { body: definition }],
    ['putTask', 412, '', { body: { ...definition, description: 'x' }, headers: { ...json, 'If-Match': '"0"' } }],
    ['putTask', 422, '', { body: {} }],
    ['getTaskExecutable', 200, '', {}],
    ['getTaskExecutable', 404, '?version=x', {}],
    ['listTaskVersions', 200, '', {}],
    ['getTaskVersion', 200, '', {}],
    ['getTaskVersion', 404, 'x', {}],
    ['getTaskSchema', 200, '', {}],
    ['overview', 200, '', {}],
    ['overview', 422, '?hours=0', {}],
    ['changes', 422, '?task=Print', {}],
    ['checkTask', 200, '', { body: {} }],
    ['checkTask', 200, '', { body: { parameters: [{ name: 'X', value: 1 }] } }],
    ['checkTask', 404, 'x', { body: {} }],
    ['planTask', 200, '', { body: {} }],
    ['planTask', 422, '', { body: { parameters: [{ name: 'X', value: 1 }] } }],
    ['putSchedule', 201, '', { body: schedule }],
    ['putSchedule', 200, '', { body: { ...schedule, paused: true } }],
    ['putSchedule', 412, '', { body: schedule, headers: { ...json, 'If-None-Match': '*' } }],
    ['putSchedule', 422, '', { body: { ...schedule, cron: 'x' } }],
    ['resumeSchedule', 200, '', {}],
    ['pauseSchedule', 200, '', {}],
    ['pauseSchedule', 404, '', {}],
    ['getSchedule', 200, '', {}],
    ['listSchedules', 200, '?limit=1', {}],
    ['listSchedules', 422, '?limit=0', {}],
    ['deleteSchedule', 412, '', { headers: { 'If-Match': '"0"' } }],
    ['deleteSchedule', 204, '', {}],
    ['deleteSchedule', 404, '', {}],
    ['deleteTask', 412, '', { headers: { 'If-Match': '"0"' } }],
    ['whoami', 200, '', {}],
    ['mcp', 200, '', { body: ping, headers: both }],
    ['mcp', 202, '', { body: { ...ping, id: undefined, method: 'notifications/initialized' }, headers: both }],
    ['mcp', 400, '', { body: { jsonrpc: '1.0' }, headers: both }],
    ['mcp', 400, '', { body: '{', headers: both }],
    ['mcp', 406, '', { body: ping }],
    ['mcp', 422, '', { body: [ping], headers: both }],
    ['openapi', 200, '', {}],
    ['healthz', 200, '', {}],
    ['readyz', 200, '', {}],
    ['metrics', 200, '', {}],
    ['deleteTask', 204, '', {}],
    ['deleteTask', 404, '', {}],
  ];

  test.each(cases)(
    '%s %i%s is in the document, with its media type and schema',
    async (name, status, suffix, request) => {
      const { method, path }: Route = routes[name];
      const id = status === 404 && name === 'getRun' ? absent : runId;
      const parts = { id, name: status === 404 && name === 'pauseSchedule' ? 'Absent' : 'Print', file: 'f', version };
      const url = path.replaceAll(/\{(\w+)\}/g, (_, part: keyof typeof parts) => parts[part]) + suffix;
      const answer = await call(harness.url, url, { method: method.toUpperCase(), ...request });
      if (answer.status !== status) throw new Error(`${answer.status} ${answer.text}`);
      const documented = document.paths[path]?.[method]?.responses[String(status)];
      expect(documented).toBeDefined();
      const contentType = answer.headers.get('content-type');
      const type = Object.keys(documented?.content ?? {}).find((candidate) => contentType?.startsWith(candidate));
      if (documented?.content === undefined) {
        expect(answer.text).toBe('');
        return;
      }
      expect([contentType, type]).toEqual([contentType, expect.any(String)]);
      if (answer.json === undefined) return;
      const validate = validator(documented.content[type ?? '']?.schema ?? { not: {} });
      validate(answer.json);
      expect(validate.errors ?? []).toEqual([]);
    },
  );

  test('the document itself is served', async () => {
    const answer = await call(harness.url, '/api/openapi.json');
    expect(answer.json).toEqual({ ...document, info: { ...document.info, version: '0.0.0' } });
  });

  test('a run of any JSON parameter is as the document says', async () => {
    const { json: view } = await call(harness.url, `/api/runs/${runId}`);
    expect((view as RunView).parameters).toEqual([{ name: 'J', value: '{"a":[1,null]}', secret: false }]);
  });
});
