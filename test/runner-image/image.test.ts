import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchangeFor } from './exchange.ts';
import type { TaskSpec } from './exchange.ts';
import { runnerScript } from './shells.ts';

const image = 'errand-runner-test:local';
const engine = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' });
const reason =
  engine.status === 0 ? undefined : `no Docker engine answers: ${(engine.stderr || String(engine.error)).trim()}`;
if (reason !== undefined) process.stderr.write(`skipped, the runner in its minimal image: ${reason}\n`);

describe.skipIf(reason !== undefined)('in the minimal image', () => {
  beforeAll(() => {
    const context = mkdtempSync(join(tmpdir(), 'errand-context-'));
    try {
      copyFileSync('/bin/busybox', join(context, 'busybox'));
      copyFileSync(runnerScript, join(context, 'script-runner.sh'));
      chmodSync(join(context, 'script-runner.sh'), 0o755);
      copyFileSync(resolve(runnerScript, '../minimal/Dockerfile'), join(context, 'Dockerfile'));
      execFileSync('docker', ['build', '-q', '-t', image, context], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, DOCKER_BUILDKIT: '0' },
      });
    } finally {
      rmSync(context, { recursive: true });
    }
  });
  afterAll(() => {
    spawnSync('docker', ['rmi', '-f', image]);
  });

  function run(
    task: TaskSpec,
    flags: readonly string[],
    check: (
      log: string,
      result: ReturnType<ReturnType<typeof exchangeFor>['result']>,
      exchange: ReturnType<typeof exchangeFor>,
    ) => void,
  ): void {
    const exchange = exchangeFor({ ...task, ticket: { ERRAND_EXECUTABLE: '/errand-executable/task', ...task.ticket } });
    try {
      const ended = spawnSync(
        'docker',
        [
          'run',
          '--rm',
          '--network',
          'none',
          '-v',
          `${exchange.directory}:/errand`,
          '-v',
          `${exchange.executable}:/errand-executable/task:ro`,
          ...flags,
          image,
          'script-runner.sh',
          '/errand',
        ],
        { encoding: 'utf8' },
      );
      expect(ended.stderr).toBe('');
      expect(ended.status).toBe(0);
      check(exchange.read('log').toString(), exchange.result(), exchange);
    } finally {
      exchange.remove();
    }
  }

  test.each([
    ['as it comes', []],
    ['with an init', ['--init']],
    [
      'with a read-only root, no capabilities, another user',
      ['--init', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--user', '4711:4711'],
    ],
    ['with a /tmp of its own', ['--tmpfs', '/tmp']],
  ])('an attempt %s', (_, flags) =>
    run(
      {
        script: 'echo "hello $Token"; echo "{}" >"$ERRAND_OUTPUT"; exit 3',
        secrets: ['Token'],
        environment: { Token: 'sesame-open' },
      },
      flags,
      (log, result, exchange) => {
        expect(log).toBe('hello ***\n');
        expect(result).toMatchObject({
          started: true,
          exitCode: 3,
          output: true,
          oomKilled: false,
          log: { complete: true },
        });
        expect(existsSync(join(exchange.directory, '.runner'))).toBe(false);
        expect(readFileSync(join(exchange.directory, 'output.json'), 'utf8')).toBe('{}\n');
      },
    ),
  );

  test('the kernel takes the task before the runner', () => {
    run({ script: 'cat /proc/self/oom_score_adj' }, ['--init'], (log) => expect(log).toBe('1000\n'));
  });

  test('a task that takes all the memory is told from one that was killed', () => {
    run(
      { script: 'x=$(head -c 100000000 /dev/zero | tr "\\0" x); echo ${#x}' },
      ['--init', '--memory', '32m', '--memory-swap', '32m'],
      (_, result) => {
        expect(result).toMatchObject({ started: true, oomKilled: true, stopped: false });
      },
    );
    run({ script: 'kill -9 $$' }, ['--init', '--memory', '32m'], (_, result) => {
      expect(result).toMatchObject({ exitCode: 137, signal: 'KILL', oomKilled: false });
    });
  });

  test('a task that takes every process id and ignores TERM is ended at its limit', () => {
    run(
      {
        script: 'trap "" TERM; (while :; do sleep 60 & done) 2>/dev/null & exec sleep 60',
        ticket: { ERRAND_RUN_SECONDS: '2', ERRAND_GRACE_SECONDS: '1' },
      },
      ['--init', '--pids-limit', '48'],
      (_, result) => expect(result).toMatchObject({ started: true, timedOut: true, signal: 'KILL' }),
    );
  });
});
