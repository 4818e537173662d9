import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { pushScript, serverHarness, type ServerHarness } from './support/server-harness.ts';

let harness: ServerHarness;

beforeAll(async () => {
  harness = await serverHarness();
  await pushScript(harness.client, 'Task', 'true', {
    // Nothing that is made up here is this value, so nothing is started.
    scriptParameters: [
      { parameterName: 'P', parameterType: 'string', required: true, enum: ['a value that is not guessed'] },
      { parameterName: 'J', parameterType: 'json' },
    ],
  });
});
afterAll(() => harness.dispose());

const insides = /at .*\.(?:js|ts):|\/home\/|\/root\/|\/tmp\/|node_modules|SQLITE_|SELECT |sig=|\[object Object\]/;

/** Answers of the caller's making: never a 5xx, always problem details where it failed, and nothing of the server's insides. */
async function expectHarmless(path: string, init: RequestInit): Promise<void> {
  const answer = await harness.app.request(`http://localhost${path}`, init);
  const text = await answer.text();
  if (answer.status >= 500) throw new Error(`${answer.status} for ${path}: ${text}`);
  expect(text).not.toMatch(insides);
  if (answer.status >= 400)
    expect(JSON.parse(text)).toMatchObject({
      status: answer.status,
      code: expect.any(String),
      detail: expect.stringMatching(/.{10}/),
    });
}

const word = fc.oneof(
  fc.constantFrom(
    'taskName',
    'parameters',
    'name',
    'value',
    'labels',
    'timeouts',
    'Task',
    'P',
    'J',
    'runSeconds',
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'scriptParameters',
    'dockerImage',
    'scriptName',
    'enum',
    '',
  ),
  fc.string({ maxLength: 12, unit: 'binary' }),
);
const body = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, -1, 1e308, 0.1),
    word,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(word, tie('value'), { maxKeys: 5 }),
  ),
})).value;
const almost = fc.record(
  {
    taskName: fc.oneof(fc.constant('Task'), word),
    parameters: fc.oneof(fc.array(fc.record({ name: fc.oneof(fc.constantFrom('P', 'J'), word), value: body })), body),
    labels: body,
    timeouts: body,
    dockerImage: word,
    scriptName: word,
    scriptParameters: body,
  },
  { requiredKeys: [] },
);

test('of strange bodies', async () => {
  const targets = fc.constantFrom(
    ['POST', '/api/runs'],
    ['PUT', '/api/tasks/Other'],
    ['POST', '/api/tasks/Task/plan'],
    [`POST`, `/api/runs/${'0'.repeat(26)}/rerun`],
  );
  await fc.assert(
    fc.asyncProperty(targets, fc.oneof(body, almost), async ([method = '', path = ''], content) => {
      await expectHarmless(path, {
        method,
        body: JSON.stringify(content),
        headers: { 'Content-Type': 'application/json' },
      });
    }),
    { numRuns: 400 },
  );
});

test('of bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('application/json', 'multipart/form-data; boundary=a', 'multipart/form-data', 'text/plain'),
      async (bytes, type) => {
        await expectHarmless('/api/tasks/Other', {
          method: 'PUT',
          body: new Uint8Array(bytes),
          headers: { 'Content-Type': type },
        });
      },
    ),
    { numRuns: 200 },
  );
});

test('of strange addresses and headers', async () => {
  const part = fc.oneof(
    fc.constantFrom(
      'api',
      'runs',
      'tasks',
      'logs',
      '..',
      '.',
      '%',
      '%00',
      '%2e%2e%2f',
      'Task',
      'schema',
      '0'.repeat(26),
      '?follow',
      '?wait=',
      '?cursor=AA',
      '?state=%ff',
    ),
    fc.string({ maxLength: 10 }).map(encodeURIComponent),
  );
  const header = fc.stringMatching(/^[\x20-\x7e]{0,30}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 6 }),
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
      header,
      header,
      async (parts, method, range, lastEventId) => {
        await expectHarmless(`/${parts.join('/')}`, {
          method,
          headers: { Range: range, 'Last-Event-ID': lastEventId, 'If-Match': range },
        });
      },
    ),
    { numRuns: 400 },
  );
});
