import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runnerResultSchema } from '../../src/core/runner-result.ts';
import { attempt, exchangeFor, startRunner } from './exchange.ts';
import type { TaskSpec } from './exchange.ts';
import { needed, pathOf, pathWith, removePaths, runnerScript, shells } from './shells.ts';
import type { Shell } from './shells.ts';
import { listen } from '../support/listen.ts';

afterAll(removePaths);

/** The task would leave its output: that it does not proves that it was not started. */
const wouldRun = 'touch "$ERRAND_OUTPUT"';

async function refused(shell: Shell, task: TaskSpec, reason: string, message: RegExp, path?: string): Promise<void> {
  await attempt(
    shell,
    task,
    (exchange, ended) => {
      expect(ended.code).toBe(0);
      expect(exchange.has('output.json')).toBe(false);
      const result = exchange.result();
      expect(result).toMatchObject({ version: 1, started: false, reason, exitCode: null });
      expect(result.message).toMatch(message);
      expect(runnerResultSchema.safeParse(result).error).toBeUndefined();
      const fence = JSON.parse(exchange.read('fence').toString()) as { nonce: string };
      expect(fence.nonce).toBe(result.nonce);
      expect(ended.stderr).toContain(result.message?.slice(0, 40));
    },
    undefined,
    path === undefined ? {} : { path },
  );
}

describe.concurrent.each(shells())('under $name', (shell) => {
  test.concurrent('a foreign fence: nothing is run, nothing is written, exit 0', async () => {
    const exchange = exchangeFor({ script: wouldRun });
    try {
      const foreign = '{"version":1,"by":"orchestrator","nonce":"x","at":"2026-01-01T00:00:00.000Z"}\n';
      writeFileSync(join(exchange.directory, 'fence'), foreign);
      const ended = await startRunner(shell, [exchange.directory]).ended;
      expect(ended.code).toBe(0);
      expect(ended.stdout.length).toBe(0);
      expect(exchange.read('fence').toString()).toBe(foreign);
      for (const name of ['output.json', 'result.json', 'log', 'outputs', '.runner'])
        expect(exchange.has(name)).toBe(false);
    } finally {
      exchange.remove();
    }
  });

  test.concurrent('a second boot of the container does not run the task again', async () => {
    const exchange = exchangeFor({ script: 'echo x >>"${ERRAND_OUTPUT%/*}/starts"' });
    try {
      await startRunner(shell, [exchange.directory]).ended;
      const result = exchange.read('result.json');
      const again = await startRunner(shell, [exchange.directory]).ended;
      expect(again.code).toBe(0);
      expect(exchange.read('starts').toString()).toBe('x\n');
      expect(exchange.read('result.json')).toEqual(result);
    } finally {
      exchange.remove();
    }
  });

  test.concurrent('no ticket and no fence is an error, and leaves the fence to whoever looks', async () => {
    const exchange = exchangeFor({ script: wouldRun });
    try {
      rmSync(join(exchange.directory, 'ticket'));
      const ended = await startRunner(shell, [exchange.directory]).ended;
      expect(ended.code).toBe(70);
      expect(ended.stderr).toContain('no ticket');
      expect(exchange.has('fence')).toBe(false);
    } finally {
      exchange.remove();
    }
  });

  test.concurrent('another executable than the pinned one', () =>
    refused(
      shell,
      { script: wouldRun, ticket: { ERRAND_EXECUTABLE_SHA256: 'a'.repeat(64) } },
      'checksumMismatch',
      /a{64}.*expected/,
    ));

  test.concurrent('an executable that is not there', () =>
    refused(
      shell,
      { script: wouldRun, ticket: { ERRAND_EXECUTABLE: '/nowhere/task', ERRAND_EXECUTABLE_SHA256: '' } },
      'fetchFailed',
      /\/nowhere\/task/,
    ));

  test.concurrent.each([
    ['#!/opt/none/python\n', /\/opt\/none\/python, which this image does not have/],
    ['#! /opt/none/python -u\n', /\/opt\/none\/python, which/],
    ['#!/tmp\n', /\/tmp, which/],
    [`#!/opt/${'long/'.repeat(2000)}\n`, /^The first line .*\/long/],
    ['#!/usr/bin/env no-such-program\n', /env for no-such-program/],
    ['#!/usr/bin/env -S A=b no-such-program -x\n', /env for no-such-program/],
    ['#!/bin/sh\r\necho hello\r\n', /carriage return/],
  ])('the first line %j', (line, message) =>
    refused(shell, { script: `${line}${wouldRun}` }, 'badInterpreter', message),
  );

  test.concurrent('without a checksum, secret values and setsid the listed utilities suffice', async () => {
    await attempt(
      shell,
      { script: 'echo fine', ticket: { ERRAND_EXECUTABLE_SHA256: '' } },
      (exchange) => {
        expect(exchange.read('log').toString()).toBe('fine\n');
        expect(exchange.result()).toMatchObject({ started: true, exitCode: 0 });
      },
      undefined,
      { path: withShell(shell, needed) },
    );
  });

  test.concurrent('a managed identity that does not come', () =>
    refused(
      shell,
      {
        script: wouldRun,
        ticket: { ERRAND_IDENTITY: '1', ERRAND_IDENTITY_URL: 'http://127.0.0.1:9/', ERRAND_IDENTITY_SECONDS: '1' },
      },
      'identityUnavailable',
      /within 1 seconds/,
    ));
});

// The busybox of Debian runs its own applets whatever the PATH says: nothing can be put in their way.
describe.concurrent.each(shells().filter((shell) => shell.name !== 'busybox sh'))(
  'with a utility in the way, under $name',
  (shell) => {
    test.concurrent('its own fence, whose answer was lost, lets it go on', () =>
      attempt(
        shell,
        { script: wouldRun },
        (exchange) => {
          expect(exchange.result()).toMatchObject({ started: true, exitCode: 0 });
          expect(exchange.has('output.json')).toBe(true);
        },
        undefined,
        { path: `${lyingLink()}:${shell.path}` },
      ));

    test.concurrent('a fence that cannot be written is an error and not a lost fence', () =>
      attempt(
        shell,
        { script: wouldRun },
        (exchange, ended) => {
          expect(ended.code).toBe(70);
          expect(ended.stderr).toContain('cannot create');
          expect(exchange.has('output.json')).toBe(false);
        },
        undefined,
        { path: `${failing('ln')}:${shell.path}` },
      ));

    test.concurrent('a ticket that cannot be removed: nothing is run', () =>
      attempt(
        shell,
        { script: wouldRun },
        (exchange, ended) => {
          expect(ended.code).toBe(70);
          expect(ended.stderr).toContain('cannot be removed');
          expect(exchange.has('fence')).toBe(false);
          expect(exchange.has('output.json')).toBe(false);
        },
        undefined,
        { path: `${failing('rm')}:${shell.path}` },
      ));

    test.concurrent('a utility that is missing is named', async () => {
      const names = ['sha256sum', 'awk', 'chmod', 'sed'].concat(needed).filter((name) => name !== 'tee');
      await refused(shell, { script: wouldRun }, 'missingUtility', /needs: tee\./, withShell(shell, names));
    });
  },
);

test('the task waits for the managed identity, asked with its header', async () => {
  const [shell] = shells();
  if (shell === undefined) throw new Error('no shell');
  let asked = 0;
  const headers: unknown[] = [];
  const server = createServer((request, response) => {
    asked++;
    headers.push(request.headers['metadata']);
    response.statusCode = asked < 3 ? 404 : 200;
    response.end('{}');
  });
  const port = await listen(server);
  try {
    const url = `http://127.0.0.1:${port}/metadata/identity/oauth2/token`;
    await attempt(
      shell,
      { script: wouldRun, ticket: { ERRAND_IDENTITY: '1', ERRAND_IDENTITY_URL: url } },
      (exchange) => {
        expect(exchange.result()).toMatchObject({ started: true, exitCode: 0 });
        expect(headers).toEqual(['true', 'true', 'true']);
      },
    );
  } finally {
    server.close();
  }
});

test('wrong usage is 64', async () => {
  const [shell] = shells();
  if (shell === undefined) throw new Error('no shell');
  expect((await startRunner(shell, []).ended).code).toBe(64);
  expect((await startRunner(shell, ['a', 'b']).ended).code).toBe(64);
});

describe('the published form', () => {
  test.each(shells())(
    "downloads, runs with the environment as it is, ends with the task's code ($name)",
    async (shell) => {
      const server = createServer((request, response) => {
        if (request.url !== '/tasks/stop-vm.sh?sv=1&sig=a%2Bb%3D') response.statusCode = 403;
        response.end('#!/bin/sh\necho "$VMName $ERRAND_ANY ${0##*/}"; exit 5\n');
      });
      const port = await listen(server);
      const url = `http://127.0.0.1:${port}/tasks/stop-vm.sh?sv=1&sig=a%2Bb%3D`;
      try {
        const wget = pathWith(['wget']);
        const withWget = `${wget}:${withShell(shell, ['cat', 'chmod', 'mktemp', 'date', 'rm'])}`;
        for (const options of [{}, { path: withWget }]) {
          const ended = await startRunner(shell, [url], { ...options, environment: { VMName: 'vm', ERRAND_ANY: 'x' } })
            .ended;
          expect(ended.stdout.toString()).toBe('vm x stop-vm.sh\n');
          expect(ended.code).toBe(5);
        }
        const refusedAddress = await startRunner(shell, [url.replace('sig=a', 'sig=b')]).ended;
        expect(refusedAddress.code).toBe(70);
        expect(refusedAddress.stdout.toString()).toBe('');
      } finally {
        server.close();
      }
    },
  );
});

/** Utilities by name, for a shell that takes those of busybox or those of the system. */
function withShell(shell: Shell, names: readonly string[]): string {
  if (shell.name !== 'busybox sh') return pathWith(names);
  return pathOf(Object.fromEntries(names.map((name) => [name, '/bin/busybox'])));
}

function script(name: string, text: string): string {
  const directory = pathOf({});
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return directory;
}

/** A utility that always fails. */
function failing(name: string): string {
  return script(name, 'exit 1');
}

/** A link that is made, and said to have failed: an answer that was lost. */
function lyingLink(): string {
  return script('ln', '/bin/ln "$@"; exit 1');
}

test('the runner is there and may be run', () => {
  expect(readFileSync(runnerScript, 'utf8').startsWith('#!/bin/sh\n')).toBe(true);
});
