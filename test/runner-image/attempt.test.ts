import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { runnerResultSchema } from '../../src/core/runner-result.ts';
import { attempt, exchangeFor, startRunner } from './exchange.ts';
import { removePaths, shells } from './shells.ts';

afterAll(removePaths);

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.concurrent.each(shells())('under $name', (shell) => {
  test.concurrent('a task that succeeds leaves fence, log and result, and nothing else', () =>
    attempt(
      shell,
      { script: 'echo hello; echo oops >&2; echo "in $VMName"', environment: { VMName: 'a\'b\n$HOME"' } },
      (exchange, ended) => {
        expect(ended.code).toBe(0);
        expect(exchange.read('log').toString()).toBe('hello\noops\nin a\'b\n$HOME"\n');
        expect(ended.stdout).toEqual(exchange.read('log'));
        const result = exchange.result();
        expect(runnerResultSchema.safeParse(result).error).toBeUndefined();
        expect(result).toMatchObject({
          version: 1,
          started: true,
          exitCode: 0,
          signal: null,
          timedOut: false,
          stopped: false,
          oomKilled: false,
          log: { bytes: 25, lines: 4, droppedBytes: 0, complete: true },
          output: false,
          files: [],
          skippedFiles: 0,
        });
        const fence = JSON.parse(exchange.read('fence').toString()) as Record<string, unknown>;
        expect(fence).toEqual({ version: 1, by: 'runner', nonce: result.nonce, at: result.times.fenced });
        expect(result.nonce).toMatch(/^[0-9a-f]{32}$/);
        for (const time of Object.values(result.times)) expect(time).toMatch(isoTime);
        expect(result.durationMs.run).toBeLessThan(20_000);
        expect(readdirSync(exchange.directory).toSorted()).toEqual(['fence', 'log', 'outputs', 'result.json']);
      },
    ));

  test.concurrent.each([1, 3, 126, 127])("exit code %i is told, and is not the runner's own", (code) =>
    attempt(shell, { script: `exit ${code}` }, (exchange, ended) => {
      expect(ended.code).toBe(0);
      expect(exchange.result()).toMatchObject({ started: true, exitCode: code, signal: null });
    }),
  );

  test.concurrent.each([
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ])('a task that dies of %s is told so', (signal, code) =>
    attempt(shell, { script: `kill -${signal} $$` }, (exchange) => {
      expect(exchange.result()).toMatchObject({ exitCode: code, signal, timedOut: false, stopped: false });
    }),
  );

  test.concurrent('the time limit ends the task with TERM', () =>
    attempt(shell, { script: 'echo up; exec sleep 60', ticket: { ERRAND_RUN_SECONDS: '1' } }, (exchange, ended) => {
      expect(exchange.result()).toMatchObject({ exitCode: 143, signal: 'TERM', timedOut: true, stopped: false });
      expect(exchange.result().durationMs.run).toBeGreaterThan(900);
      expect(ended.ms).toBeLessThan(20_000);
    }));

  test.concurrent('a task that ignores TERM is killed after the grace, with its children', () =>
    attempt(
      shell,
      {
        script: 'trap "" TERM; sleep 60 & echo "child $!"; while :; do sleep 0.2; done',
        ticket: { ERRAND_RUN_SECONDS: '1', ERRAND_GRACE_SECONDS: '1' },
      },
      (exchange) => {
        expect(exchange.result()).toMatchObject({ exitCode: 137, signal: 'KILL', timedOut: true });
        const child = Number(/child (\d+)/.exec(exchange.read('log').toString())?.[1]);
        expect(() => process.kill(child, 0)).toThrow('ESRCH');
      },
    ));

  test.concurrent('TERM to the runner reaches the task, which may still answer with its own code', () =>
    attempt(
      shell,
      { script: 'trap "echo bye; exit 7" TERM; echo up; while :; do sleep 0.1; done' },
      (exchange, ended) => {
        expect(ended.code).toBe(0);
        expect(exchange.read('log').toString()).toMatch(/^up\n(Terminated\n)?bye\n$/);
        expect(exchange.result()).toMatchObject({ exitCode: 7, signal: null, stopped: true, timedOut: false });
      },
      async (running) => {
        await running.printed('up');
        running.child.kill('SIGTERM');
      },
    ));

  test.concurrent('TERM right before the task is started ends it at once, and not only when the grace is over', async () => {
    // The pipe of the grace is the last thing that is made before the task.
    const inside = 'mkfifo() { case $1 in */grace) kill -TERM $$ ;; esac; command mkfifo "$@"; }';
    const tries = Array.from({ length: 5 }, () =>
      attempt(shell, { script: 'exec sleep 60', ticket: { ERRAND_GRACE_SECONDS: '40' }, inside }, (exchange, ended) => {
        expect(exchange.result()).toMatchObject({ started: true, signal: 'TERM', stopped: true, timedOut: false });
        expect(ended.ms).toBeLessThan(35_000);
      }),
    );
    await Promise.all(tries);
  });

  test.concurrent('INT to the runner ends the task in the same way, and the first cause is the one told', () =>
    attempt(
      shell,
      {
        script: 'trap "" TERM; echo up; while :; do sleep 0.1; done',
        ticket: { ERRAND_RUN_SECONDS: '2', ERRAND_GRACE_SECONDS: '3' },
      },
      (exchange) =>
        expect(exchange.result()).toMatchObject({ exitCode: 137, signal: 'KILL', stopped: true, timedOut: false }),
      async (running) => {
        await running.printed('up');
        running.child.kill('SIGINT');
      },
    ));

  test.concurrent('TERM before the task has started: it never starts, and the result says so', () =>
    attempt(
      shell,
      {
        script: 'touch "$ERRAND_OUTPUT"',
        ticket: { ERRAND_IDENTITY: '1', ERRAND_IDENTITY_URL: 'http://127.0.0.1:9/' },
      },
      (exchange, ended) => {
        expect(ended.code).toBe(0);
        expect(exchange.has('output.json')).toBe(false);
        expect(exchange.result()).toMatchObject({ started: false, reason: 'stopped', exitCode: null });
        expect(exchange.has('fence')).toBe(true);
      },
      async (running, exchange) => {
        while (exchange.has('ticket')) await sleep(10);
        await sleep(300);
        running.child.kill('SIGTERM');
      },
    ));

  test.concurrent('a child left behind in the group is ended, and the log is complete', () =>
    attempt(shell, { script: 'sleep 60 & echo "child $!"' }, (exchange, ended) => {
      expect(exchange.result()).toMatchObject({ exitCode: 0, log: { complete: true } });
      const child = Number(/child (\d+)/.exec(exchange.read('log').toString())?.[1]);
      expect(() => process.kill(child, 0)).toThrow('ESRCH');
      expect(ended.ms).toBeLessThan(20_000);
    }));

  test.concurrent('a daemon that holds the log open is not waited for; the log is marked and not complete', () =>
    attempt(shell, { script: 'setsid sleep 60 & echo "child $!"; echo done' }, (exchange, ended) => {
      expect(exchange.result()).toMatchObject({ exitCode: 0, log: { complete: false } });
      expect(exchange.read('log').toString()).toMatch(/^child \d+\ndone\n\[errand: log ends here: .*\]\n$/);
      expect(ended.ms).toBeLessThan(30_000);
      process.kill(Number(/child (\d+)/.exec(exchange.read('log').toString())?.[1]), 'SIGKILL');
    }));

  test.concurrent('output and files: plain regular files are listed, everything else is counted', () =>
    attempt(
      shell,
      {
        script: `echo '{"a":1}' >"$ERRAND_OUTPUT"; cd "$ERRAND_OUTPUT_DIR"; printf 12345 >report.csv; echo x >'b c'; echo x >.hidden
          ln -s /etc/passwd link; mkdir sub; mkfifo pipe; : >"$(printf %0129d 0)"; : >"$(printf %0128d 0)"; echo x >'é'`,
      },
      (exchange) => {
        const result = exchange.result();
        expect(result.output).toBe(true);
        expect(result.files).toEqual([
          { name: '0'.repeat(128), bytes: 0 },
          { name: 'report.csv', bytes: 5 },
        ]);
        expect(result.skippedFiles).toBe(7);
      },
    ));

  test.concurrent('at most 16 files are listed; a symbolic link is neither output nor output directory', () =>
    attempt(
      shell,
      {
        script:
          'ln -s /etc/passwd "$ERRAND_OUTPUT"; cd "$ERRAND_OUTPUT_DIR"; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do : >f$i; done',
      },
      (exchange) => {
        expect(exchange.result()).toMatchObject({ output: false, skippedFiles: 2 });
        expect(exchange.result().files).toHaveLength(16);
      },
    ));

  test.concurrent('the author may set PATH, IFS and HOME; the runner does not notice', () =>
    attempt(
      shell,
      {
        script: 'echo "$PATH|$HOME|$Token"',
        secrets: ['Token'],
        environment: { PATH: '/nope', IFS: 'e', HOME: '/h', Token: 'sesame-open', LC_ALL: 'xx' },
      },
      (exchange, ended) => {
        expect(ended.code).toBe(0);
        expect(exchange.read('log').toString()).toBe('/nope|/h|***\n');
        expect(exchange.result()).toMatchObject({ exitCode: 0, log: { complete: true } });
      },
    ));

  test.concurrent("nothing of ours is in the task's environment but five names; stdin is empty; no descriptor is left", () =>
    attempt(
      shell,
      {
        script: `export -p | grep -o 'ERRAND_[A-Z_0-9]*=' | sort; cat; for fd in /proc/$$/fd/*; do n=\${fd##*/}; [ "$n" -gt 2 ] && [ "$n" -lt 10 ] && [ -e "$fd" ] && ls -l "$fd"; done; grep -c "$ERRAND_RUN_ID" /proc/$$/environ; umask`,
        environment: { Own: '1' },
      },
      (exchange) => {
        expect(exchange.read('log').toString().split('\n')).toEqual([
          'ERRAND_ATTEMPT=',
          'ERRAND_OUTPUT=',
          'ERRAND_OUTPUT_DIR=',
          'ERRAND_RUN_ID=',
          'ERRAND_TASK=',
          '1',
          '0022',
          '',
        ]);
      },
      undefined,
      {
        environment: { ERRAND_FENCE_URL: 'x', ERRAND_EXTRA: 'y\nERRAND_FORGED=z', nonce: 'n', ERRAND_SECRET_NAMES: '' },
      },
    ));

  test.concurrent('the task runs in a process group of its own, with default signals', () =>
    attempt(shell, { script: 'echo "$$ $(cut -d" " -f5 /proc/$$/stat)"; grep SigIgn /proc/$$/status' }, (exchange) => {
      const [first = '', ignored] = exchange.read('log').toString().split('\n');
      const [pid, group] = first.split(' ');
      expect(group).toBe(pid);
      // busybox has no `env --default-signal`: there, INT and QUIT stay ignored, as the manual says.
      expect(ignored).toBe(`SigIgn:\t000000000000000${shell.name === 'busybox sh' ? '6' : '0'}`);
    }));
});

test('the ticket is gone before the task starts, and nothing of it is on disk', () =>
  attempt(
    shells()[0] as typeof shells extends () => (infer S)[] ? S : never,
    {
      script: 'ls -a "${ERRAND_OUTPUT%/*}"; grep -r sesame-open "${ERRAND_OUTPUT%/*}" && echo found',
      secrets: ['Token'],
      environment: { Token: 'sesame-open' },
    },
    (exchange) => {
      expect(exchange.read('log').toString()).not.toContain('ticket');
      expect(exchange.read('log').toString()).not.toContain('found');
    },
  ));

test('20 runners on one exchange start the task once', async () => {
  const [shell] = shells();
  if (shell === undefined) throw new Error('no shell');
  for (let round = 0; round < 3; round++) {
    const exchange = exchangeFor({ script: 'echo started >>"${ERRAND_OUTPUT%/*}/starts"; sleep 0.3' });
    try {
      // Each gets the ticket in its hands, as a container does that was started again from a copy of its disk.
      const rivals = Array.from({ length: 20 }, (_, index) => {
        const running = startRunner(shell, [exchange.directory]);
        if (index % 4 === 3) writeFileSync(join(exchange.directory, 'ticket'), exchange.ticket);
        return running.ended;
      });
      const ended = await Promise.all(rivals);
      expect(exchange.read('starts').toString()).toBe('started\n');
      expect(ended.filter((one) => one.code === 0).length).toBeGreaterThan(0);
      expect(exchange.result()).toMatchObject({ started: true, exitCode: 0 });
    } finally {
      exchange.remove();
    }
  }
});

test('an exchange directory that already holds outputs is used as it is', async () => {
  const [shell] = shells();
  if (shell === undefined) throw new Error('no shell');
  const exchange = exchangeFor({ script: 'echo x >"$ERRAND_OUTPUT_DIR/a"' });
  try {
    mkdirSync(join(exchange.directory, 'outputs'));
    await startRunner(shell, [exchange.directory]).ended;
    expect(exchange.result().files).toEqual([{ name: 'a', bytes: 2 }]);
  } finally {
    exchange.remove();
  }
});
