import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorTable, type ProblemDetails } from '../../src/contract/errors.ts';
import { silentLogger, type Logger } from '../../src/core/logger.ts';
import { serverHarness, type ServerHarness } from '../http/support/server-harness.ts';
import { requestRows, strictTask, type HostileRow } from './corpus.ts';
import { definitionRows, reservedNames } from './definitions.ts';

const rows = [...requestRows, ...definitionRows];
/** What no answer may show: where we are, how we are built, what was given to us in secret. */
const leaks = /\bat .*\.[jt]s:|\/home\/|\/tmp\/errand|node_modules|SQLITE_|sig=|seven77/;

describe('hostile input', () => {
  let harness: ServerHarness;
  const errors: string[] = [];
  const logger: Logger = { ...silentLogger, error: (_details, message) => errors.push(message) };

  beforeAll(async () => {
    harness = await serverHarness({ logger });
    await harness.client.push('Strict', strictTask, { executable: new Blob(['#!/bin/sh\nexit 0\n']) });
  });
  afterAll(() => harness.dispose());

  test('there are at least 300 rows, and no two with the same name in vain', () => {
    expect(rows.length).toBeGreaterThanOrEqual(300);
    const sent = new Set(
      rows.map(({ method, path, headers, body }) =>
        JSON.stringify([method, path, headers, body === undefined ? null : Buffer.from(body).toString('base64')]),
      ),
    );
    expect(rows.length - sent.size).toBe(0);
    expect(reservedNames.length).toBeGreaterThanOrEqual(40);
  });

  test('the request that the rows are built on is right itself', async () => {
    const answer = await send(harness.url, {
      name: 'right',
      method: 'POST',
      path: '/api/tasks/Strict/plan',
      body: JSON.stringify({
        parameters: [
          { name: 'Text', value: 'x' },
          { name: 'Count', value: 1 },
          { name: 'Code', value: 'abc-123' },
          { name: 'Nested', value: 'a'.repeat(1000) },
        ],
      }),
      status: 200,
      code: 'internal',
    });
    expect(answer.status).toBe(200);
  });

  test.each(rows)('$name', async (row) => {
    const answer = await send(harness.url, row);
    const problem = JSON.parse(answer.body) as ProblemDetails;
    expect({ ...problem, status: answer.status, type: answer.type }).toMatchObject({
      status: row.status,
      code: row.code,
      type: 'application/problem+json',
    });
    expect(errorTable[problem.code].status).toBe(row.status);
    expect(problem.detail.length).toBeGreaterThan(10);
    expect(answer.body).not.toMatch(leaks);
    if (row.problem !== undefined) expect(problem.problems).toContainEqual(expect.objectContaining(row.problem));
    for (const each of problem.problems ?? []) expect(each.message).not.toBe('');
  });

  test('afterwards nothing was started, nothing is polluted, and the server is well', async () => {
    expect((await harness.client.list()).runs).toEqual([]);
    expect((await harness.client.tasks()).map(({ taskName }) => taskName)).toEqual(['Strict']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(errors).toEqual([]);
    expect((await fetch(`${harness.url}/readyz`)).status).toBe(200);
  });
});

/** Sends the path as it is written: `fetch` would tidy it up first, and keeps some headers to itself. */
function send(url: string, row: HostileRow): Promise<{ status: number; type: string; body: string }> {
  const { hostname, port } = new URL(url);
  const hasBody = row.body !== undefined;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        method: row.method,
        path: row.path,
        headers: { ...(hasBody ? { 'content-type': 'application/json' } : {}), ...latin1(row.headers) },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'] ?? '',
            body: Buffer.concat(chunks).toString(),
          }),
        );
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(row.body);
  });
}

/** Header values go out as bytes of Latin-1. */
function latin1(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(value, 'latin1').toString('latin1')]),
  );
}
